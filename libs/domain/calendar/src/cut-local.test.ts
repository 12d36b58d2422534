import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { expect, test } from 'vitest';
import { cutLocal } from './cut-local.ts';
import type { LocalPeriod } from './cut-local.ts';
import { startOfDay } from './start-of-day.ts';
import { parseTimeZone } from './time-zone.ts';

/** Start on the zone's own clock, and length in hours, of each range. */
function cut(period: LocalPeriod, zone: string, start: string, end: string): string[] {
  return cutLocal(period, new Date(start), new Date(end), parseTimeZone(zone)).map((range) => {
    const local = Temporal.Instant.fromEpochMilliseconds(range.start.getTime()).toZonedDateTimeISO(zone);
    const hours = (range.end.getTime() - range.start.getTime()) / 3_600_000;
    return `${local.toPlainDateTime().toString({ smallestUnit: 'minute' }).slice(5)} ${hours}`;
  });
}

test('the day on which clocks go forward has 23 hours, and none begins at two', () => {
  expect(cut('day', 'America/New_York', '2026-03-07T05:00Z', '2026-03-10T04:00Z')).toEqual([
    '03-07T00:00 24',
    '03-08T00:00 23',
    '03-09T00:00 24',
  ]);
  expect(cut('hour', 'America/New_York', '2026-03-08T05:00Z', '2026-03-08T09:00Z')).toEqual([
    '03-08T00:00 1',
    '03-08T01:00 1',
    '03-08T03:00 1',
    '03-08T04:00 1',
  ]);
});

test('the day on which clocks go back has 25 hours, and one o’clock is there twice', () => {
  expect(cut('day', 'America/New_York', '2026-11-01T04:00Z', '2026-11-02T05:00Z')).toEqual([
    '11-01T00:00 25',
  ]);
  expect(cut('hour', 'America/New_York', '2026-11-01T04:00Z', '2026-11-01T08:00Z')).toEqual([
    '11-01T00:00 1',
    '11-01T01:00 1',
    '11-01T01:00 1',
    '11-01T02:00 1',
  ]);
});

test('on Lord Howe clocks move by half an hour, and so does the hour in which they do', () => {
  expect(cut('day', 'Australia/Lord_Howe', '2026-04-04T13:00Z', '2026-04-05T13:30Z')).toEqual([
    '04-05T00:00 24.5',
  ]);
  expect(cut('hour', 'Australia/Lord_Howe', '2026-04-04T13:00Z', '2026-04-04T16:30Z')).toEqual([
    '04-05T00:00 1',
    '04-05T01:00 1.5',
    '04-05T02:00 1',
  ]);
  expect(cut('day', 'Australia/Lord_Howe', '2026-10-03T13:30Z', '2026-10-04T13:00Z')).toEqual([
    '10-04T00:00 23.5',
  ]);
  expect(cut('hour', 'Australia/Lord_Howe', '2026-10-03T13:30Z', '2026-10-03T17:00Z')).toEqual([
    '10-04T00:00 1',
    '10-04T01:00 1',
    '10-04T02:30 0.5',
    '10-04T03:00 1',
  ]);
});

test('Samoa never had 30 December 2011', () => {
  expect(cut('day', 'Pacific/Apia', '2011-12-29T10:00Z', '2012-01-01T10:00Z')).toEqual([
    '12-29T00:00 24',
    '12-31T00:00 24',
    '01-01T00:00 24',
  ]);
});

test('where clocks go back over midnight, a day begins at its first midnight', () => {
  expect(cut('day', 'America/St_Johns', '2009-10-31T12:00Z', '2009-11-03T03:30Z')).toEqual([
    '10-31T09:30 14.5',
    '11-01T00:00 25',
    '11-02T00:00 24',
  ]);
});

test('hours in Kathmandu begin at a quarter past those of UTC', () => {
  expect(cut('hour', 'Asia/Kathmandu', '2026-03-01T00:00Z', '2026-03-01T02:30Z')).toEqual([
    '03-01T05:45 0.25',
    '03-01T06:00 1',
    '03-01T07:00 1',
    '03-01T08:00 0.25',
  ]);
});

test('weeks begin on Monday and months on their first, whatever part of them the window holds', () => {
  expect(cut('week', 'Europe/Berlin', '2026-03-25T23:00Z', '2026-04-07T22:00Z')).toEqual([
    // Clocks went forward on the 29th.
    '03-26T00:00 95',
    '03-30T00:00 168',
    '04-06T00:00 48',
  ]);
  expect(cut('month', 'Europe/Berlin', '2026-01-31T12:00Z', '2026-04-01T22:00Z')).toEqual([
    '01-31T13:00 11',
    '02-01T00:00 672',
    '03-01T00:00 743',
    '04-01T00:00 24',
  ]);
});

const zones = fc.constantFrom(
  'UTC',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/St_Johns',
  'America/Sao_Paulo',
  'Africa/Casablanca',
  'Pacific/Apia',
);
const windows = fc
  .tuple(
    fc.integer({ min: Date.UTC(2005, 0), max: Date.UTC(2027, 0) }),
    fc.integer({ min: 0, max: 60 * 86_400_000 }),
  )
  .map(([start, length]) => ({ start: new Date(start), end: new Date(start + length) }));

test('the periods of any zone are exactly the window', () => {
  fc.assert(
    fc.property(
      zones,
      windows,
      fc.constantFrom<LocalPeriod>('hour', 'day', 'week', 'month'),
      (zone, { start, end }, period) => {
        let reached = start.getTime();
        for (const range of cutLocal(period, start, end, parseTimeZone(zone))) {
          expect(range.start.getTime()).toBe(reached);
          expect(range.end.getTime()).toBeGreaterThan(reached);
          reached = range.end.getTime();
        }
        expect(reached).toBe(end.getTime());
      },
    ),
  );
});

test('inside any window the days of any zone begin where startOfDay says', () => {
  fc.assert(
    fc.property(zones, windows, (zone, { start, end }) => {
      for (const range of cutLocal('day', start, end, parseTimeZone(zone)).slice(1)) {
        const day = Temporal.Instant.fromEpochMilliseconds(range.start.getTime())
          .toZonedDateTimeISO(zone)
          .toPlainDate();
        expect(startOfDay(day.toString(), parseTimeZone(zone))).toEqual(range.start);
      }
    }),
  );
});

test('inside any window every hour of any zone begins on another hour of the clock, or on the full one', () => {
  fc.assert(
    fc.property(zones, windows, (zone, { start, end }) => {
      const ranges = cutLocal('hour', start, end, parseTimeZone(zone));
      for (const range of ranges.slice(1)) {
        const at = Temporal.Instant.fromEpochMilliseconds(range.start.getTime()).toZonedDateTimeISO(zone);
        const before = at.subtract({ milliseconds: 1 });
        expect(at.hour !== before.hour || at.minute === 0).toBe(true);
      }
    }),
    { numRuns: 20 },
  );
});

test('an empty window has no periods, and one that ends before it starts is refused', () => {
  const at = new Date('2026-03-01T12:00:00Z');
  expect(cutLocal('hour', at, at, parseTimeZone('UTC'))).toEqual([]);
  expect(() => cutLocal('day', at, new Date(0), parseTimeZone('UTC'))).toThrow(RangeError);
});
