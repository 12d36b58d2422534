import { expect, test } from 'vitest';
import { conversionContribution, feedbackContribution, interactionContribution } from './contributions.ts';
import type { Sentiment } from './contributions.ts';
import { customerExperienceKpis, engagementKpis, operationalKpis, realTimeKpis } from './dashboards.ts';
import { addStates, emptyState } from './kpi-state.ts';

// SPEC's golden checks G1 and G2.

const spoken: [intent: string, responseTimeMs: number | undefined, sentiment: Sentiment | undefined][] = [
  ['buy', 100, 'positive'],
  ['escalate', 300, 'negative'],
  ['fallback', undefined, undefined],
  ['greet', 0, 'neutral'],
  ['escalation', 200, 'positive'],
];
const g1 = [
  ...spoken.map(([intent, responseTimeMs, sentiment]) =>
    interactionContribution({
      intent,
      sentiment,
      responseTimeMs,
      hasResponse: intent !== 'fallback',
      hasError: false,
      isThreaded: true,
    }),
  ),
  ...(['purchased', 'did_nothing', 'resolved'] as const).map((outcome) =>
    conversionContribution({ outcome }),
  ),
].reduce(addStates, emptyState);

test('G1: the operational dashboard', () => {
  expect(operationalKpis(g1)).toMatchObject({
    containmentRate: { value: 0.8, numerator: 4, denominator: 5, sampleSize: 5, hasData: true },
    resolutionRate: { value: 0.4, numerator: 2, denominator: 5 },
    avgHandlingTimeMs: { value: 200, numerator: 600, denominator: 3, sampleSize: 3, unit: 'milliseconds' },
    avgResponseLatencyMs: { value: 150, denominator: 4 },
    totalConversions: { value: 3, denominator: 1, sampleSize: 3, definitionId: 'guide.v1/total_conversions' },
    convertedCount: { value: 2, sampleSize: 3 },
  });
});

test('G1: the engagement dashboard', () => {
  expect(engagementKpis(g1, { activeMembers: 3, activeUsers: 2, users: 8 })).toMatchObject({
    completionRate: { value: 0.8 },
    bounceRate: { value: 0.2 },
    totalInteractions: { value: 5 },
    activeUsers: { value: 2 },
    retentionRate: { value: 0.25 },
    activeMembers: { value: 3 },
  });
});

test('G1: sentiment', () => {
  expect(customerExperienceKpis(g1)).toMatchObject({
    positiveSentimentRate: { value: 0.5, denominator: 4 },
    sentimentDistribution: [
      { label: 'positive', count: 2 },
      { label: 'neutral', count: 1 },
      { label: 'negative', count: 1 },
    ],
  });
});

test('G1: the real-time metrics', () => {
  expect(realTimeKpis(g1)).toMatchObject({
    conversionRate: { value: 0.2 },
    interactionsPerMinute: { value: 5 / 60, unit: 'per_minute' },
    avgResponseTime: { value: 200 },
  });
});

test('G2: ratings', () => {
  const state = [5, 4, undefined, 3]
    .map((rating) => feedbackContribution({ type: 'csat', rating, scaleMax: undefined }))
    .reduce(addStates, emptyState);
  expect(customerExperienceKpis(state)).toMatchObject({
    avgCsat: { value: 4, numerator: 12, denominator: 3, hasData: true },
    csatTop2Rate: { value: 2 / 3 },
  });
});

test('G2: no ratings', () => {
  expect(customerExperienceKpis(emptyState)).toMatchObject({
    avgCsat: { value: 0, hasData: false },
    csatTop2Rate: { value: 0, hasData: false },
  });
});
