import { expect, test } from 'vitest';
import { startOfDay } from './start-of-day.ts';
import { parseTimeZone, utc } from './time-zone.ts';

test.each([
  ['2026-03-08', 'America/New_York', '2026-03-08T05:00:00.000Z'],
  ['2026-03-09', 'America/New_York', '2026-03-09T04:00:00.000Z'],
  ['2026-03-01', 'Asia/Kathmandu', '2026-02-28T18:15:00.000Z'],
  ['2026-04-06', 'Australia/Lord_Howe', '2026-04-05T13:30:00.000Z'],
  // The clock leapt from midnight to one.
  ['2018-11-04', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z'],
  // Midnight came twice: at one the clock went back to it.
  ['2025-11-02', 'America/Havana', '2025-11-02T04:00:00.000Z'],
  ['0001-01-01', 'UTC', '0001-01-01T00:00:00.000Z'],
  ['9999-12-31', 'UTC', '9999-12-31T00:00:00.000Z'],
])('%s in %s starts at %s', (date, zone, start) => {
  expect(startOfDay(date, parseTimeZone(zone)).toISOString()).toBe(start);
});

test.each([
  ['America/New_York', '2026-03-07', 24],
  ['America/New_York', '2026-03-08', 23],
  ['America/New_York', '2026-11-01', 25],
  ['Australia/Lord_Howe', '2026-04-05', 24.5],
  ['Australia/Lord_Howe', '2026-10-04', 23.5],
  ['Asia/Kathmandu', '2026-03-08', 24],
  ['Pacific/Apia', '2011-12-29', 24],
  ['Pacific/Apia', '2011-12-30', 0],
])('in %s the day %s has %d hours', (zone, date, hours) => {
  const next = new Date(new Date(`${date}T00:00:00Z`).getTime() + 86_400_000).toISOString().slice(0, 10);
  const start = startOfDay(date, parseTimeZone(zone));
  const end = startOfDay(next, parseTimeZone(zone));
  expect((end.getTime() - start.getTime()) / 3_600_000).toBe(hours);
});

test.each([
  '2026-02-29',
  '2026-04-31',
  '2026-13-01',
  '2026-00-01',
  '2026-01-00',
  '0000-01-01',
  '2026-3-1',
  '',
])('%j is refused as no day', (date) => {
  expect(() => startOfDay(date, utc, 'window.dates.start_date')).toThrow(
    expect.objectContaining({
      kind: 'invalid-argument',
      violations: [expect.objectContaining({ field: 'window.dates.start_date', reason: 'INVALID_DATE' })],
    }),
  );
});
