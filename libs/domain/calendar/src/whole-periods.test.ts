import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutLocal } from './cut-local.ts';
import type { LocalPeriod } from './cut-local.ts';
import { parseTimeZone } from './time-zone.ts';
import { periodUpTo, wholePeriods } from './whole-periods.ts';

const zones = ['UTC', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia'].map(
  (name) => parseTimeZone(name),
);
const periods: readonly LocalPeriod[] = ['hour', 'day', 'week', 'month'];
const instant = fc.date({ min: new Date('2011-12-01'), max: new Date('2012-04-10'), noInvalidDate: true });

test('the periods of neighbouring windows join without gap or repetition', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...periods),
      instant,
      fc.tuple(fc.nat(10), fc.nat(10)),
      (zone, period, a, [toB, toC]) => {
        const lengthMs = period === 'hour' ? 5_000_000 : 12 * 86_400_000;
        const b = new Date(a.getTime() + toB * lengthMs);
        const c = new Date(b.getTime() + toC * lengthMs);
        const all = wholePeriods(period, a, c, zone);
        expect([...wholePeriods(period, a, b, zone), ...wholePeriods(period, b, c, zone)]).toEqual(all);
        for (const [index, { start, end }] of all.entries()) {
          expect(end > a && end <= c && start < end).toBe(true);
          if (index > 0) expect(start).toEqual(all[index - 1]?.end);
          // It is one period, and all of it.
          expect(cutLocal(period, start, end, zone)).toHaveLength(1);
        }
      },
    ),
  );
});

test('days of New York are whole on both days on which its clock is set', () => {
  const zone = parseTimeZone('America/New_York');
  const hours = (from: string, to: string) =>
    wholePeriods('day', new Date(from), new Date(to), zone).map(
      ({ start, end }) => (end.getTime() - start.getTime()) / 3_600_000,
    );
  expect(hours('2026-03-07T05:00:00Z', '2026-03-10T04:00:00Z')).toEqual([24, 23, 24]);
  expect(hours('2026-10-31T04:00:00Z', '2026-11-03T05:00:00Z')).toEqual([24, 25, 24]);
  // A week from Monday, over the end of the year.
  expect(wholePeriods('week', new Date('2025-12-30'), new Date('2026-01-06'), parseTimeZone('UTC'))).toEqual([
    { start: new Date('2025-12-29'), end: new Date('2026-01-05') },
  ]);
});

test('the time up to an instant is a period long by the clock of the zone', () => {
  const end = new Date('2026-03-09T04:00:00Z');
  const startIn = (period: LocalPeriod, zone: string) =>
    periodUpTo(period, end, parseTimeZone(zone)).start.toISOString();
  expect(startIn('hour', 'America/New_York')).toBe('2026-03-09T03:00:00.000Z');
  expect(startIn('day', 'America/New_York')).toBe('2026-03-08T05:00:00.000Z');
  expect(startIn('week', 'America/New_York')).toBe('2026-03-02T05:00:00.000Z');
  expect(startIn('month', 'UTC')).toBe('2026-02-09T04:00:00.000Z');
});
