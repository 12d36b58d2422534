import { expect, test } from 'vitest';
import { conversionContribution, feedbackContribution, interactionContribution } from './contributions.ts';
import type { FeedbackFact, InteractionFact } from './contributions.ts';
import { emptyState } from './kpi-state.ts';

const plain: InteractionFact = {
  intent: 'buy',
  sentiment: undefined,
  hasResponse: true,
  responseTimeMs: undefined,
  hasError: false,
  isThreaded: true,
};

test.each<[string, Partial<InteractionFact>, object]>([
  ['plain one', {}, {}],
  ['escalated one', { intent: 'escalate' }, { escalatedCount: 1 }],
  ['handed over under another name', { intent: 'escalation' }, {}],
  ['abandoned one', { intent: 'abandoned' }, { incompleteCount: 1 }],
  ['one that fell back', { intent: 'fallback' }, { incompleteCount: 1, fallbackCount: 1 }],
  ['one of no conversation', { isThreaded: false }, { unthreadedCount: 1 }],
  ['one without intent', { intent: undefined }, {}],
  ['unanswered one', { hasResponse: false }, { withoutResponseCount: 1 }],
  ['one answered at once', { responseTimeMs: 0 }, { latencyCount: 1 }],
  [
    'one answered',
    { responseTimeMs: 120 },
    { latencyCount: 1, responseTimeCount: 1, responseTimeSumMs: 120 },
  ],
  [
    'one answered after five minutes',
    { responseTimeMs: 300_000 },
    { latencyCount: 1, responseTimeCount: 1, responseTimeSumMs: 300_000 },
  ],
  [
    'one answered later than that',
    { responseTimeMs: 300_001 },
    { latencyCount: 1, responseTimeCount: 1, responseTimeSumMs: 300_001, lateResponseCount: 1 },
  ],
  ['failed one', { hasError: true }, { errorCount: 1 }],
  ['glad one', { sentiment: 'positive' }, { positiveCount: 1 }],
  ['indifferent one', { sentiment: 'neutral' }, { neutralCount: 1 }],
  ['angry one', { sentiment: 'negative' }, { negativeCount: 1 }],
])('an interaction counts once, and a %s in its own sums', (_, fact, sums) => {
  expect(interactionContribution({ ...plain, ...fact })).toEqual({
    ...emptyState,
    interactionCount: 1,
    ...sums,
  });
});

test.each([
  ['purchased', 'purchasedCount'],
  ['visited', 'visitedCount'],
  ['did_nothing', 'didNothingCount'],
  ['resolved', 'resolvedCount'],
] as const)('a conversion that %s counts in %s', (outcome, counter) => {
  expect(conversionContribution({ outcome })).toEqual({ ...emptyState, [counter]: 1 });
});

test.each<[FeedbackFact, object]>([
  [
    { type: 'csat', rating: 5, scaleMax: undefined },
    { csatCount: 1, csatSumMicros: 5e6, csatRatingCount: 1, csatTop2Count: 1, csatSquareSumMicros: 25e6 },
  ],
  [
    { type: 'csat', rating: 4, scaleMax: 5 },
    { csatCount: 1, csatSumMicros: 4e6, csatRatingCount: 1, csatTop2Count: 1, csatSquareSumMicros: 16e6 },
  ],
  [
    { type: 'csat', rating: 3.9, scaleMax: 5 },
    { csatCount: 1, csatSumMicros: 3.9e6, csatRatingCount: 1, csatSquareSumMicros: 15.21e6 },
  ],
  [
    { type: 'csat', rating: 8, scaleMax: 10 },
    { csatCount: 1, csatSumMicros: 8e6, csatRatingCount: 1, csatSquareSumMicros: 64e6 },
  ],
  [
    { type: 'csat', rating: 0.3, scaleMax: 1.3 },
    { csatCount: 1, csatSumMicros: 3e5, csatRatingCount: 1, csatTop2Count: 1, csatSquareSumMicros: 9e4 },
  ],
  [{ type: 'csat', rating: 0, scaleMax: 10 }, { csatRatingCount: 1 }],
  [{ type: 'csat', rating: undefined, scaleMax: 5 }, {}],
  [
    { type: 'nps', rating: 9, scaleMax: 10 },
    { npsCount: 1, npsPromoterCount: 1 },
  ],
  [{ type: 'nps', rating: 8, scaleMax: undefined }, { npsCount: 1 }],
  [
    { type: 'nps', rating: 6, scaleMax: 10 },
    { npsCount: 1, npsDetractorCount: 1 },
  ],
  [{ type: 'nps', rating: 5, scaleMax: 5 }, {}],
  [
    { type: 'ces', rating: 6, scaleMax: undefined },
    { cesCount: 1, cesSumMicros: 6e6, cesSquareSumMicros: 36e6, cesTop2Count: 1 },
  ],
  [
    { type: 'ces', rating: 1.0005, scaleMax: 5 },
    { cesCount: 1, cesSumMicros: 1.0005e6, cesSquareSumMicros: 1e6 },
  ],
  [
    { type: 'thumbs', rating: 1, scaleMax: 1 },
    { thumbsCount: 1, thumbsUpCount: 1 },
  ],
  [{ type: 'thumbs', rating: 0, scaleMax: undefined }, { thumbsCount: 1 }],
  [{ type: 'thumbs', rating: undefined, scaleMax: 1 }, {}],
])('the rating %j counts where it should', (fact, sums) => {
  expect(feedbackContribution(fact)).toEqual({ ...emptyState, ...sums });
});
