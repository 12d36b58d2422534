import fc from 'fast-check';
import { expect, test } from 'vitest';
import { conversationContribution } from './conversation-contribution.ts';
import type { ConversationFact, ConversationStage } from './conversation-contribution.ts';
import {
  addConversationStates,
  conversationCounters,
  emptyConversationState,
  subtractConversationStates,
} from './conversation-state.ts';
import type { ConversationCounter } from './conversation-state.ts';

const hourMs = 3_600_000;
const engaged: ConversationFact = {
  interactionCount: 3,
  fallbackCount: 0,
  beginsWithFallback: false,
  endsWithFallback: false,
  isHandedOff: false,
  isConfirmed: false,
  hasVisit: false,
  isRated: false,
  hasMember: true,
  durationMs: 60_000,
  returnedAfterMs: undefined,
  repeatedAfterMs: undefined,
};
const single = { ...engaged, interactionCount: 1, durationMs: 0 };

/** Those of these sums that are not 0. */
function counts(fact: ConversationFact, stage: ConversationStage, ...counters: ConversationCounter[]) {
  const state = conversationContribution(fact, stage);
  return counters.filter((counter) => state[counter] > 0);
}

test.each([engaged, single])(
  'while it is open, a conversation counts in nothing about how it ended',
  (fact) => {
    expect(conversationContribution({ ...fact, isConfirmed: true, isHandedOff: true }, 0)).toEqual({
      ...emptyConversationState,
      conversationCount: 1,
      turnCount: fact.interactionCount,
      openCount: 1,
    });
  },
);

test('a conversation is contained, abandoned and deflected when nobody resolved it or asked for a human', () => {
  const state = conversationContribution(engaged, 1);
  expect(state).toMatchObject({ endedCount: 1, engagedCount: 1, containedCount: 1, abandonedCount: 1 });
  expect(state).toMatchObject({
    deflectedCount: 1,
    botHandledCount: 1,
    handoffCount: 0,
    durationSumMs: 60_000,
  });
});

test.each([
  ['handed off', { isHandedOff: true }, ['handoffCount', 'anyHandoffCount']],
  ['confirmed', { isConfirmed: true }, ['containedCount', 'confirmedCount', 'deflectedCount']],
  [
    'confirmed after a handoff',
    { isConfirmed: true, isHandedOff: true },
    ['handoffCount', 'anyHandoffCount', 'confirmedCount'],
  ],
] as const)('one that was %s was not abandoned', (_, change, counters) => {
  expect(
    counts(
      { ...engaged, ...change },
      1,
      'containedCount',
      'handoffCount',
      'anyHandoffCount',
      'confirmedCount',
      'abandonedCount',
      'deflectedCount',
    ),
  ).toEqual(counters);
});

test.each([
  ['nothing came of it', {}, true],
  ['somebody asked for a human', { isHandedOff: true }, false],
  ['it was confirmed', { isConfirmed: true }, false],
  ['somebody visited', { hasVisit: true }, false],
  ['somebody rated it', { isRated: true }, false],
  ['there was more than one interaction', { interactionCount: 2 }, false],
])('whether it bounced, where %s', (_, change, isBounced) => {
  expect(conversationContribution({ ...single, ...change }, 1).bouncedCount === 1).toBe(isBounced);
});

test('a return within a day takes back what was assumed, one within a week what was durable', () => {
  const at = (hours: number, stage: ConversationStage) =>
    counts(
      { ...engaged, returnedAfterMs: hours * hourMs },
      stage,
      'containedNoReturn24hCount',
      'assumedCount',
      'containedNoReturn7dCount',
      'durableCount',
    );
  expect(at(24, 4)).toEqual([]);
  expect(at(25, 2)).toEqual(['containedNoReturn24hCount', 'assumedCount']);
  expect(at(168, 4)).toEqual(['containedNoReturn24hCount', 'assumedCount']);
  expect(at(169, 4)).toHaveLength(4);
});

test('a confirmed one stays assumed when its member comes back, and is not durable', () => {
  const back = { ...engaged, isConfirmed: true, returnedAfterMs: hourMs };
  expect(counts(back, 4, 'assumedCount', 'durableCount', 'containedNoReturn24hCount')).toEqual([
    'assumedCount',
  ]);
});

test('a resolution was at first contact unless its member came back with the same intent within a week', () => {
  const resolved = { ...single, isConfirmed: true, returnedAfterMs: hourMs };
  expect(counts(resolved, 4, 'resolved7dCount', 'firstContactCount')).toHaveLength(2);
  expect(counts({ ...resolved, repeatedAfterMs: hourMs }, 4, 'resolved7dCount', 'firstContactCount')).toEqual(
    ['resolved7dCount'],
  );
  expect(counts(resolved, 3, 'resolved7dCount')).toEqual([]);
});

test('who is not known is in no denominator that asks for a return, but in that of silence', () => {
  const anonymous = conversationContribution({ ...engaged, hasMember: false }, 4);
  expect(anonymous).toMatchObject({
    ended24hCount: 0,
    engaged24hCount: 0,
    engaged7dCount: 0,
    resolved7dCount: 0,
  });
  expect(anonymous).toMatchObject({ ended72hCount: 1, botHandled72hCount: 1 });
});

const facts: fc.Arbitrary<ConversationFact> = fc
  .record({
    interactionCount: fc.integer({ min: 1, max: 5 }),
    beginsWithFallback: fc.boolean(),
    endsWithFallback: fc.boolean(),
    isHandedOff: fc.boolean(),
    isConfirmed: fc.boolean(),
    hasVisit: fc.boolean(),
    isRated: fc.boolean(),
    hasMember: fc.boolean(),
    durationMs: fc.nat(),
    returnedAfterMs: fc.option(fc.integer({ min: 1, max: 200 * hourMs }), { nil: undefined }),
    repeatedAfterMs: fc.option(fc.integer({ min: 1, max: 200 * hourMs }), { nil: undefined }),
  })
  .map((fact) => ({ ...fact, fallbackCount: Number(fact.beginsWithFallback) }));
const stages = fc.constantFrom<ConversationStage[]>(0, 1, 2, 3, 4);

test('the parts of each whole add up to it, whatever the conversation', () => {
  fc.assert(
    fc.property(facts, stages, (fact, stage) => {
      const s = conversationContribution(fact, stage);
      expect(s.openCount + s.endedCount).toBe(s.conversationCount);
      expect(s.containedCount + s.handoffCount).toBe(s.engagedCount);
      expect(s.deflectedCount + s.anyHandoffCount).toBe(s.endedCount);
      expect(s.bouncedCount + s.engagedCount).toBeLessThanOrEqual(s.endedCount);
      expect(s.abandonedCount + s.handoffCount).toBeLessThanOrEqual(s.engagedCount);
      expect(s.containedNoReturn7dCount).toBeLessThanOrEqual(s.containedNoReturn24hCount);
      expect(s.durableCount).toBeLessThanOrEqual(s.assumedCount);
      expect(s.firstContactCount).toBeLessThanOrEqual(s.resolved7dCount);
      for (const counter of conversationCounters) expect(s[counter]).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('what is added and taken out again leaves nothing', () => {
  fc.assert(
    fc.property(facts, stages, facts, stages, (one, stage, other, otherStage) => {
      const [a, b] = [conversationContribution(one, stage), conversationContribution(other, otherStage)];
      expect(subtractConversationStates(addConversationStates(a, b), b)).toEqual(a);
    }),
  );
});
