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
  future_ms: null,
  ancient: 0n,
  uncompleted: 0n,
};
const good = {
  known: { bot_id: 'b', occurred_at: at(1), received_at: at(1) },
  figures,
  unknownIntents: [],
  keepsTexts: true,
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
  [{ ancient: 2n }, ['info ANCIENT_EVENTS']],
  [{ without_message: 51n }, ['warning FIELD_MISSING']],
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

test('a bot that sends now what says it occurred long ago is not silent; seconds for milliseconds are told', () => {
  const received_at = at(1);
  const sent = (occurred_at: Date) =>
    judgeBot({ ...good, busyHours: [], known: { ...good.known, occurred_at, received_at } }, window);
  expect(sent(at(24 * 30))).toMatchObject([{ code: 'ANCIENT_EVENTS', severity: 'info' }]);
  expect(sent(new Date(Math.floor(received_at.getTime() / 1000)))).toMatchObject([
    { code: 'ANCIENT_EVENTS', severity: 'critical', advice: expect.stringMatching(/^Seconds .* 1,000/) },
  ]);
});

test('an intent that looks like one of the guide’s is a fault, another one is worth knowing', () => {
  const intents = (...named: readonly string[]) =>
    judgeBot({ ...good, unknownIntents: named.map((intent) => ({ intent, count: 7 })) }, window);
  expect(intents('Escalate', 'human_handoff', 'nlu_fallback')).toMatchObject([
    {
      severity: 'warning',
      evidence: expect.stringContaining(
        'Escalate 7 times, for escalate; human_handoff 7 times, for escalate',
      ),
    },
  ]);
  expect(intents('track_parcel')).toMatchObject([{ severity: 'info', code: 'UNKNOWN_INTENT' }]);
});

test('a clock’s error is told in words, and a time zone for what it is', () => {
  const skewed = (skew_ms: number) => judgeBot({ ...good, figures: { ...figures, skew_ms } }, window)[0];
  expect(skewed(-2 * hourMs)).toMatchObject({
    evidence: expect.stringMatching(/^Its clock is 2 hours ahead/),
    advice: expect.stringMatching(/time zone left out/),
  });
  expect(skewed(5.5 * hourMs)?.advice).toMatch(/time zone left out/);
  expect(skewed(95_000)).toMatchObject({
    evidence: expect.stringMatching(/^Its clock is 95 seconds behind/),
    advice: expect.stringMatching(/NTP/),
  });
  expect(skewed(1.1 * hourMs)?.advice).toMatch(/NTP/);
});

test('no text is missing where the tenant has none kept', () => {
  const emptied = { ...good, figures: { ...figures, without_message: 100n }, keepsTexts: false };
  expect(judgeBot(emptied, window)).toEqual([]);
});

const sums = {
  bot_id: 'b',
  accepted: 95n,
  duplicate: 5n,
  conflict: 0n,
  rejected: 0n,
  refused: 0n,
  ancient: 0n,
  ancient_hours: [],
};
const tenant = {
  botId: undefined,
  hasBots: true,
  collected: [sums],
  conversions: 100n,
  unlinked: 1n,
  quarantined: [],
};

test('whose events they are is told, and what is wrong with them, without conflicts among the rejected', () => {
  const [conflicts, rejected] = judgeTenant({
    ...tenant,
    collected: [
      { ...sums, conflict: 3n, rejected: 1n },
      { ...sums, bot_id: 'c', conflict: 4n },
    ],
    quarantined: [
      { reason: 'EVENT_CONFLICT', field: null, description: null, events: 7n },
      { reason: 'INVALID_FIELDS', field: 'interaction.bot_id', description: 'must be there', events: 1n },
    ],
  }).toSorted((a, b) => (a.code < b.code ? -1 : 1));
  expect(conflicts?.evidence).toBe('7 events had the id of another one with other content (c 4, b 3).');
  expect(rejected?.evidence).toBe(
    '1 of 208 events were rejected (b 1); in quarantine: INVALID_FIELDS interaction.bot_id must be there: 1.',
  );
});

test('a tenant’s figures are judged by their shares', () => {
  const codes = (fault: object) =>
    judgeTenant({ ...tenant, ...fault }).map(({ code, severity }) => `${severity} ${code}`);
  const collected = (fault: object) => codes({ collected: [{ ...sums, ...fault }] });
  expect(codes({})).toEqual([]);
  expect(collected({ duplicate: 6n })).toEqual(['warning MANY_DUPLICATES']);
  expect(collected({ rejected: 1n })).toEqual(['warning REJECTED_EVENTS']);
  expect(collected({ rejected: 9n })).toEqual(['critical REJECTED_EVENTS']);
  expect(collected({ conflict: 1n })).toEqual(['warning CONFLICTS']);
  expect(collected({ refused: 1n })).toEqual(['info REFUSED_EVENTS']);
  expect(collected({ refused: 101n })).toEqual(['warning REFUSED_EVENTS']);
  // What an import brings in an hour or two is no fault; what goes on is.
  expect(collected({ ancient: 2n, ancient_hours: [at(1), at(2)] })).toEqual(['info ANCIENT_EVENTS']);
  expect(collected({ ancient: 2n, ancient_hours: [at(1), at(2), at(3)] })).toEqual([
    'warning ANCIENT_EVENTS',
  ]);
  expect(codes({ unlinked: 2n })).toEqual(['warning UNLINKED_CONVERSIONS']);
  expect(codes({ unlinked: 21n, hasBots: false })).toEqual([
    'critical NO_EVENTS',
    'critical UNLINKED_CONVERSIONS',
  ]);
});
