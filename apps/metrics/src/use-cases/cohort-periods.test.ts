import { parseTimeZone } from '@parley/calendar';
import { expect, test } from 'vitest';
import { cohortPeriods, completedPeriods } from './cohort-periods.ts';
import type { CohortPeriod } from './cohort-periods.ts';

const periodsOf = (start: string, end: string, period: CohortPeriod, zone: string, after: number) =>
  cohortPeriods(
    { start: new Date(start), end: new Date(end) },
    { period, timeZone: parseTimeZone(zone), after },
  );
const startsOf = (ranges: readonly { readonly start: Date }[]) =>
  ranges.map(({ start }) => start.toISOString().slice(0, 13));

test('a window that begins and ends inside weeks has cohorts of parts, followed by whole weeks', () => {
  const time = periodsOf('2026-03-04T12:00Z', '2026-03-17T08:00Z', 'week', 'UTC', 2);
  expect(time.beginnings.map(({ start, end }) => `${start.toISOString()} ${end.toISOString()}`)).toEqual([
    '2026-03-04T12:00:00.000Z 2026-03-09T00:00:00.000Z',
    '2026-03-09T00:00:00.000Z 2026-03-16T00:00:00.000Z',
    '2026-03-16T00:00:00.000Z 2026-03-17T08:00:00.000Z',
  ]);
  expect(startsOf(time.periods)).toEqual([
    '2026-03-04T12',
    '2026-03-09T00',
    '2026-03-16T00',
    '2026-03-23T00',
    '2026-03-30T00',
  ]);
  expect(time.periods.at(-1)?.end.toISOString()).toBe('2026-04-06T00:00:00.000Z');
  expect(completedPeriods(time, new Date('2026-03-22T23:59:59.999Z'))).toBe(2);
  expect(completedPeriods(time, new Date('2026-03-23T00:00:00.000Z'))).toBe(3);
});

test('days follow the clock of their zone, also where one has 23 hours or was never there', () => {
  const spring = periodsOf('2026-03-07T05:00Z', '2026-03-08T05:00Z', 'day', 'America/New_York', 2);
  expect(startsOf(spring.periods)).toEqual(['2026-03-07T05', '2026-03-08T05', '2026-03-09T04']);
  const samoa = periodsOf('2011-12-29T10:00Z', '2011-12-30T10:00Z', 'day', 'Pacific/Apia', 2);
  expect(startsOf(samoa.periods)).toEqual(['2011-12-29T10', '2011-12-30T10', '2011-12-31T10']);
});

test('more periods than can be read are refused, with how many that would be', () => {
  expect(periodsOf('2026-01-01T00:00Z', '2026-11-07T00:00Z', 'day', 'UTC', 90).periods).toHaveLength(400);
  expect(() => periodsOf('2026-01-01T00:00Z', '2026-11-08T00:00Z', 'day', 'UTC', 90)).toThrow(/401 periods/);
});
