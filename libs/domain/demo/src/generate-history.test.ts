import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { DemoLine, InteractionLine } from './demo-line.ts';
import { demoRevenueByIntent, demoTruth } from './demo-truth.ts';
import { generateHistory } from './generate-history.ts';
import type { HistoryOptions } from './generate-history.ts';
import { planted } from './planted.ts';

const march: HistoryOptions = {
  seed: 7,
  tenant: 'demo',
  from: new Date('2026-03-02T00:00:00Z'),
  to: new Date('2026-03-30T00:00:00Z'),
  conversationsPerDay: 250,
};
const lines = [...generateHistory(march)];
const window = { start: march.from, end: march.to };
const interactions = lines.filter((line): line is InteractionLine => line.type === 'interaction');

const ofType = <Type extends DemoLine['type']>(type: Type) =>
  lines.filter((line): line is Extract<DemoLine, { type: Type }> => line.type === type);
const share = <T>(things: readonly T[], holds: (thing: T) => boolean): number =>
  things.filter(holds).length / things.length;

test('the same seed gives the same bytes on every machine', () => {
  const bytes = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(
    '925d820003582825f37e8c33d4087cb030dc9850c49ac865dc713bdf8fd4b15b',
  );
});

test('any other option gives other lines with other ids', () => {
  const ids = (options: Partial<HistoryOptions>) =>
    generateHistory({ ...march, ...options })
      .filter((line) => line.type !== 'completion')
      .take(1_000)
      .map(({ id }) => id)
      .toArray();
  const from = new Date(march.from.getTime() + 1);
  for (const other of [{ seed: 8 }, { tenant: 'other' }, { from }, { conversationsPerDay: 251 }]) {
    expect(new Set([...ids({}), ...ids(other)]).size).toBe(2_000);
  }
});

test('a later end only adds lines', () => {
  const to = new Date('2026-03-04T12:34:56.789Z');
  const shorter = [...generateHistory({ ...march, to })];
  expect(shorter.length).toBeGreaterThan(1_000);
  expect(shorter).toEqual(lines.slice(0, shorter.length));
  expect(lines[shorter.length]?.timestamp.localeCompare(to.toISOString())).toBeGreaterThanOrEqual(0);
});

test('lines come in the order of time and lie in the time that was asked for', () => {
  const times = lines.map(({ timestamp }) => timestamp);
  expect(times).toEqual([...times].sort());
  expect(times[0]).toBe('2026-03-02T00:00:00.000Z');
  expect(times.at(-1)?.localeCompare('2026-03-30')).toBeLessThan(0);
});

test('no id is there twice among events of a kind', () => {
  const keys = lines.map(
    (line) => `${line.type} ${line.type === 'completion' ? line.interaction_id : line.id}`,
  );
  expect(new Set(keys).size).toBe(keys.length);
});

test('whatever names an interaction, conversion or member comes after it', () => {
  const seen = new Set<string>();
  const early = lines.filter((line) => {
    if (line.type !== 'completion') seen.add(line.type === 'member' ? line.member_id : line.id);
    return !(
      (!('interaction_id' in line) || seen.has(line.interaction_id)) &&
      (line.type !== 'refund' || seen.has(line.conversion_id)) &&
      (line.type !== 'interaction' || line.member_id === undefined || seen.has(line.member_id))
    );
  });
  expect(early).toEqual([]);
});

test('there are as many conversations as were asked for, and some last over midnight', () => {
  const days = new Map<string, Set<string>>();
  for (const { session_id, timestamp } of interactions) {
    days.set(session_id, (days.get(session_id) ?? new Set()).add(timestamp.slice(0, 10)));
  }
  expect(days.size / 28 / march.conversationsPerDay).toBeCloseTo(1, 1);
  expect([...days.values()].filter(({ size }) => size > 1).length).toBeGreaterThan(10);
});

test('every outcome, kind of line and quirk of the guide occurs', () => {
  const truth = demoTruth(lines, window);
  expect(Object.keys(truth.outcomes).sort()).toEqual(['did_nothing', 'purchased', 'resolved', 'visited']);
  const types = [
    'completion',
    'conversion',
    'feedback',
    'handoff',
    'interaction',
    'member',
    'refund',
    'user',
  ];
  expect([...new Set(lines.map(({ type }) => type))].sort()).toEqual(types);
  for (const intent of ['escalate', 'abandoned', 'fallback']) {
    expect(interactions.some((line) => line.intent === intent)).toBe(true);
  }
  expect(interactions.some((line) => line.response_time_ms === 0)).toBe(true);
  expect(interactions.some((line) => line.member_id === undefined)).toBe(true);
  expect(interactions.some((line) => line.sentiment === undefined)).toBe(true);
  expect(interactions.some((line) => line.error_code !== undefined)).toBe(true);
  expect(ofType('feedback').some((line) => line.csat_rating === null)).toBe(true);
  expect(ofType('conversion').some((line) => line.bot_id === undefined)).toBe(true);
  expect(ofType('member').some((line) => line.user_id === undefined)).toBe(true);
});

test('what has text has a sentiment too, so nothing is left to be read from it', () => {
  expect(
    interactions.filter((line) => (line.message_text === undefined) !== (line.sentiment === undefined)),
  ).toEqual([]);
});

test('planted: one intent brings in far more than any other', () => {
  const revenue = [...demoRevenueByIntent(lines)]
    .map(([intent, { revenue, interactions }]) => ({ intent, each: revenue / interactions }))
    .sort((a, b) => b.each - a.each);
  expect(revenue[0]?.intent).toBe(planted.profitableIntent);
  expect(revenue[0]?.each).toBeGreaterThan(3 * (revenue[1]?.each ?? Number.POSITIVE_INFINITY));
});

test('planted: a phrase upsets, and a reply calms', () => {
  const holdsPhrase = ({ message_text }: InteractionLine) =>
    message_text?.includes(planted.upsettingPhrase) ?? false;
  const upset = interactions.filter(holdsPhrase);
  expect(share(upset, (line) => line.sentiment === 'negative')).toBeGreaterThan(0.9);
  expect(share(interactions, (line) => line.sentiment === 'negative')).toBeLessThan(0.2);

  const replies = new Map(ofType('completion').map((line) => [line.interaction_id, line.response_text]));
  const byId = new Map(interactions.map((line) => [line.id, line]));
  const nextAfter = ({ id }: InteractionLine) => byId.get(id.replace(/\d+$/, (n) => String(Number(n) + 1)));
  const isCalmed = (line: InteractionLine) =>
    (line.response_text ?? replies.get(line.id))?.includes(planted.calmingPhrase) ?? false;
  const turnsAround = (line: InteractionLine) => nextAfter(line)?.sentiment === 'positive';
  expect(share(upset.filter(isCalmed), turnsAround)).toBeGreaterThan(0.65);
  expect(
    share(
      upset.filter((line) => !isCalmed(line)),
      turnsAround,
    ),
  ).toBeLessThan(0.3);

  const escalated = new Set(
    interactions.filter(({ intent }) => intent === 'escalate').map((line) => line.session_id),
  );
  expect(share(upset, ({ session_id }) => escalated.has(session_id))).toBeGreaterThan(0.25);
});

test('planted: one bot is slow and fails the most', () => {
  const truths = planted.bots.map((botId) => ({ botId, ...demoTruth(lines, window, { botId }) }));
  for (const { botId, avg_handling_time_ms, bounce_rate } of truths) {
    const isSlow = botId === planted.slowBot;
    expect(avg_handling_time_ms).toSatisfy((time: number) => (isSlow ? time > 2_000 : time < 1_000));
    expect(bounce_rate).toSatisfy((rate: number) => (isSlow ? rate > 0.04 : rate < 0.02));
  }
});

test('planted: one segment buys three times as often', () => {
  const eager = new Set(
    ofType('member')
      .filter(({ segments }) => segments.includes(planted.eagerSegment))
      .map(({ member_id }) => member_id),
  );
  const bought = new Set(
    ofType('conversion')
      .filter(({ outcome }) => outcome === 'purchased')
      .map(({ interaction_id }) => interaction_id.replace(/-\d+$/, '')),
  );
  const sessions = new Map(interactions.map(({ session_id, member_id }) => [session_id, member_id]));
  const isEager = ([, member]: [string, string | undefined]) => member !== undefined && eager.has(member);
  const rate = (some: [string, string | undefined][]) => share(some, ([session]) => bought.has(session));
  const ratio =
    rate([...sessions].filter(isEager)) / rate([...sessions].filter((session) => !isEager(session)));
  expect(ratio).toBeGreaterThan(planted.eagerness * 0.8);
  expect(ratio).toBeLessThan(planted.eagerness * 1.2);
});

test('planted: weekends are quiet and evenings are busy', () => {
  const first = [
    ...new Map(interactions.toReversed().map((line) => [line.session_id, line.timestamp])).values(),
  ];
  const weekend = first.filter((time) => new Date(time).getUTCDay() % 6 === 0).length;
  expect(weekend / 8 / ((first.length - weekend) / 20)).toBeCloseTo(planted.weekendShare, 1);
  const hours = Map.groupBy(first, (time) => new Date(time).getUTCHours());
  const busiest = [...hours].sort(([, a], [, b]) => b.length - a.length)[0];
  expect(busiest?.[0]).toBe(planted.busiestHour);
});

test('planted: a part of the answers comes as completions', () => {
  expect(ofType('completion').length / interactions.length).toBeCloseTo(planted.twoPhaseShare, 1);
});

test('what can’t be is refused', () => {
  const first = (options: Partial<HistoryOptions>) => generateHistory({ ...march, ...options }).next();
  expect(() => first({ to: new Date(0) })).toThrow(RangeError);
  expect(() => first({ conversationsPerDay: 0 })).toThrow(RangeError);
  expect([...generateHistory({ ...march, to: march.from })]).toEqual([]);
});
