import { expect, test } from 'vitest';
import { judgeBot, judgeTenant, longestGap, thresholds } from './judge-collection.ts';

const hourMs = 3_600_000;
const end = new Date('2026-03-30T00:00:00Z');
const window = { start: new Date(end.getTime() - 7 * 24 * hourMs), end };
const at = (hoursBeforeEnd: number) => new Date(end.getTime() - hoursBeforeEnd * hourMs);

/** Busy from 9 to 17 on each of the last 28 days, but for the hours that are left out. */
function officeHours(isLeftOut: (hour: Date) => boolean = () => false): Date[] {
  return Array.from({ length: 28 * 24 }, (_, n) => at(28 * 24 - n)).filter(
    (hour) => hour.getUTCHours() >= 9 && hour.getUTCHours() < 17 && !isLeftOut(hour),
  );
}

test('nights are no gap; three busy hours without an event are', () => {
  expect(longestGap(officeHours(), window)).toBeUndefined();
  const missing = (from: string, hours: number) => (hour: Date) =>
    hour >= new Date(from) && hour < new Date(Date.parse(from) + hours * hourMs);
  expect(longestGap(officeHours(missing('2026-03-25T11:00:00Z', 2)), window)).toBeUndefined();
  expect(longestGap(officeHours(missing('2026-03-25T11:00:00Z', 3)), window)).toEqual({
    start: new Date('2026-03-25T11:00:00Z'),
    end: new Date('2026-03-25T14:00:00Z'),
  });
  // Before the window it is history.
  expect(longestGap(officeHours(missing('2026-03-10T09:00:00Z', 8)), window)).toBeUndefined();
});

const figures = {
  bot_id: 'b',
  events: 100n,
  without_member: 0n,
  without_conversation: 0n,
  without_intent: 0n,
  unread_intent: 0n,
  without_message: 0n,
  skew_ms: null,
  future: 0n,
  ancient: 0n,
  uncompleted: 0n,
};
const good = {
  known: { bot_id: 'b', occurred_at: at(1), received_at: at(1) },
  figures,
  unknownIntents: [],
  busyHours: officeHours(),
};
const told = (bot: typeof good | { figures: object }) =>
  judgeBot({ ...good, ...bot } as typeof good, window).map(({ code, severity }) => `${severity} ${code}`);

test.each([
  [{}, []],
  [{ skew_ms: thresholds.skewWarningMs }, []],
  [{ skew_ms: -thresholds.skewWarningMs - 1 }, ['warning CLOCK_SKEW']],
  [{ skew_ms: thresholds.skewCriticalMs + 1 }, ['critical CLOCK_SKEW']],
  // A bot that leaves its intents to be read from the texts does nothing wrong.
  [{ without_intent: 100n }, []],
  [{ future: 1n }, []],
  [{ future: 2n }, ['warning FUTURE_EVENTS']],
  [{ future: 11n }, ['critical FUTURE_EVENTS']],
  [{ ancient: 2n }, ['warning ANCIENT_EVENTS']],
  [{ unread_intent: 50n, without_member: 20n }, []],
  [{ unread_intent: 51n, without_member: 21n }, ['warning FIELD_MISSING', 'warning FIELD_MISSING']],
  [{ events: 19n, unread_intent: 19n }, []],
  [{ uncompleted: 21n }, ['warning UNCOMPLETED']],
  [{ uncompleted: 21n, future: 50n }, ['critical FUTURE_EVENTS', 'warning UNCOMPLETED']],
])('a bot with %o is told %j', (fault, findings) => {
  expect(told({ figures: { ...figures, ...fault } })).toEqual(findings);
});

test('a bot that was active is silent after a day, one that was not may be retired', () => {
  const quiet = { ...good, known: { ...good.known, occurred_at: at(24) } };
  expect(told(quiet)).toEqual(['critical SILENT']);
  expect(told({ ...quiet, busyHours: [] })).toEqual(['info SILENT']);
  expect(told({ ...good, known: { ...good.known, occurred_at: at(23) } })).toEqual([]);
});

test('a tenant’s figures are judged by their shares', () => {
  const sums = { accepted: 95n, duplicate: 5n, conflict: 0n, rejected: 0n, refused: 0n, ancient: 0n };
  const tenant = { hasBots: true, sums, conversions: 100n, unlinked: 1n, quarantined: [] };
  const codes = (fault: object) =>
    judgeTenant({ ...tenant, ...fault }).map(({ code, severity }) => `${severity} ${code}`);
  expect(codes({})).toEqual([]);
  expect(codes({ sums: { ...sums, duplicate: 6n } })).toEqual(['warning MANY_DUPLICATES']);
  expect(codes({ sums: { ...sums, rejected: 1n } })).toEqual(['warning REJECTED_EVENTS']);
  expect(codes({ sums: { ...sums, rejected: 9n } })).toEqual(['critical REJECTED_EVENTS']);
  expect(codes({ sums: { ...sums, conflict: 1n } })).toEqual(['warning CONFLICTS']);
  expect(codes({ sums: { ...sums, ancient: 2n } })).toEqual(['warning ANCIENT_EVENTS']);
  expect(codes({ unlinked: 2n })).toEqual(['warning UNLINKED_CONVERSIONS']);
  expect(codes({ unlinked: 21n, hasBots: false })).toEqual([
    'critical NO_EVENTS',
    'critical UNLINKED_CONVERSIONS',
  ]);
});
