import { parseTimeZone, startOfDay } from '@parley/calendar';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event, inOrder } from './events.ts';
import { openMetricsRows } from './metrics-database.ts';

const cluster = await testCluster();
const minute = 60_000;

/** The day of the zone in which an instant is, by the engine's own calendar. */
function localDay(at: Date, timeZone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' }).format(at);
}

test.each([
  ['America/New_York', '2026-03-08', 23],
  ['America/New_York', '2026-11-01', 25],
  ['Australia/Lord_Howe', '2026-10-04', 23.5],
  ['Australia/Lord_Howe', '2026-04-05', 24.5],
  ['Asia/Kathmandu', '2026-03-08', 24],
])('the day %s %s, %d hours long, holds what occurred in it and nothing else', async (name, date, hours) => {
  const metrics = await openMetricsRows(cluster);
  const zone = parseTimeZone(name);
  const noon = Date.parse(`${date}T12:00:00Z`);
  // Every seven and a half minutes, a moment before and after each quarter hour.
  const times = Array.from(
    { length: 600 },
    (_, n) => new Date(noon + (n - 300) * 7.5 * minute + (n % 3) - 1),
  );
  await metrics.fold(
    inOrder(
      times.map((at, n) =>
        event({ case: 'interaction', value: { botId: 'sales', memberId: `m${n}` } }, { id: `i${n}`, at }),
      ),
    ),
  );

  const start = startOfDay(date, zone);
  const end = startOfDay(nextDay(date), zone);
  expect((end.getTime() - start.getTime()) / (60 * minute)).toBe(hours);
  const expected = times.filter((at) => localDay(at, name) === date).length;
  expect(expected).toBeGreaterThan(180);
  expect(await metrics.state(start, end)).toMatchObject({ interactionCount: expected });
  expect(await metrics.people(start, end, { botId: 'sales' })).toMatchObject({ activeMembers: expected });
});

function nextDay(date: string): string {
  return new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
}
