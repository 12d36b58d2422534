import {
  addStates,
  conversionContribution,
  customerExperienceKpis,
  emptyState,
  engagementKpis,
  feedbackContribution,
  interactionContribution,
  operationalKpis,
} from '@parley/kpi';
import type { KpiState, KpiValue } from '@parley/kpi';
import { expect, test } from 'vitest';
import type { DemoLine } from './demo-line.ts';
import { demoRevenueByIntent, demoTruth } from './demo-truth.ts';
import type { DemoTruth, TruthFilter, TruthWindow } from './demo-truth.ts';
import { generateHistory } from './generate-history.ts';
import { planted } from './planted.ts';

const from = new Date('2026-03-01T00:00:00Z');
const to = new Date('2026-03-15T00:00:00Z');
const lines = [...generateHistory({ seed: 3, tenant: 'demo', from, to, conversationsPerDay: 80 })];
const whole = { start: from, end: to };
const days = Array.from({ length: 14 }, (_, n) => ({
  start: new Date(from.getTime() + n * 86_400_000),
  end: new Date(from.getTime() + (n + 1) * 86_400_000),
}));

/** The same lines as @parley/kpi sums them up, linked here by a way of its own. */
function parleyState(window: TruthWindow, { botId }: TruthFilter): KpiState {
  const bots = new Map(
    lines.flatMap((line) => (line.type === 'interaction' ? [[line.id, line.bot_id]] : [])),
  );
  const completions = new Map(
    lines.flatMap((line) => (line.type === 'completion' ? [[line.interaction_id, line]] : [])),
  );
  const contribution = (line: DemoLine): KpiState => {
    const at = new Date(line.timestamp);
    if (at < window.start || at >= window.end) return emptyState;
    const bot =
      'bot_id' in line ? line.bot_id : 'interaction_id' in line ? bots.get(line.interaction_id) : undefined;
    if (botId !== undefined && bot !== botId) return emptyState;
    switch (line.type) {
      case 'interaction': {
        const answer = completions.get(line.id) ?? line;
        return interactionContribution({
          intent: line.intent,
          sentiment: line.sentiment,
          hasResponse: answer.response_text !== undefined,
          responseTimeMs: answer.response_time_ms,
          hasError: answer.error_code !== undefined,
          isThreaded: true,
        });
      }
      case 'conversion':
        return conversionContribution(line);
      case 'feedback':
        return feedbackContribution({ type: 'csat', rating: line.csat_rating ?? undefined, scaleMax: 5 });
      default:
        return emptyState;
    }
  };
  return lines.map(contribution).reduce(addStates, emptyState);
}

function expectAgreement(state: KpiState, truth: DemoTruth): void {
  const members = {
    activeMembers: truth.active_members,
    activeUsers: truth.active_users,
    users: truth.users,
  };
  const kpis = {
    ...customerExperienceKpis(state),
    ...operationalKpis(state),
    ...engagementKpis(state, members),
  };
  const same = (kpi: KpiValue, value: number | null) => {
    expect(kpi.value).toBeCloseTo(value ?? 0, 9);
    if (kpi.unit !== 'count') expect(kpi.hasData).toBe(value !== null);
  };
  same(kpis.totalInteractions, truth.total_interactions);
  same(kpis.containmentRate, truth.containment_rate);
  same(kpis.resolutionRate, truth.resolution_rate);
  same(kpis.avgHandlingTimeMs, truth.avg_handling_time_ms);
  same(kpis.avgResponseLatencyMs, truth.avg_response_latency_ms);
  same(kpis.totalConversions, truth.total_conversions);
  same(kpis.completionRate, truth.completion_rate);
  same(kpis.bounceRate, truth.bounce_rate);
  same(kpis.positiveSentimentRate, truth.positive_sentiment_rate);
  same(kpis.retentionRate, truth.retention_rate);
  same(kpis.avgCsat, truth.avg_csat);
  same(kpis.csatTop2Rate, truth.csat_top2);
}

test('the truth is what @parley/kpi says: over all, by bot and by day', () => {
  expectAgreement(parleyState(whole, {}), demoTruth(lines, whole));
  for (const botId of planted.bots) {
    expectAgreement(parleyState(whole, { botId }), demoTruth(lines, whole, { botId }));
  }
  for (const day of days) expectAgreement(parleyState(day, {}), demoTruth(lines, day));
});

test('days and bots add up to the whole', () => {
  const all = demoTruth(lines, whole);
  const parts = [
    days.map((day) => demoTruth(lines, day)),
    planted.bots.map((botId) => demoTruth(lines, whole, { botId })),
    ['web-shop', 'whatsapp', 'telegram'].map((groupId) => demoTruth(lines, whole, { groupId })),
  ];
  for (const truths of parts) {
    for (const figure of [
      'total_interactions',
      'total_conversions',
      'csat_responses',
      'revenue',
      'refunded',
    ] as const) {
      expect(truths.reduce((sum, truth) => sum + truth[figure], 0)).toBeCloseTo(all[figure], 6);
    }
  }
  const byIntent = [...demoRevenueByIntent(lines).values()];
  expect(byIntent.reduce((sum, { revenue }) => sum + revenue, 0)).toBeCloseTo(all.revenue, 6);
});

test('the truth counts what a hand would count', () => {
  const place = { tenant: 'demo', bot_id: 'shop', group_id: 'web-shop', session_id: 's', channel: 'web' };
  const few: DemoLine[] = [
    { type: 'user', id: 'u-1', user_id: 'u-1', tenant: 'demo', timestamp: '2026-03-01T00:00:00.000Z' },
    { type: 'user', id: 'u-2', user_id: 'u-2', tenant: 'demo', timestamp: '2026-03-01T00:00:00.000Z' },
    {
      type: 'member',
      id: 'm-1',
      member_id: 'm-1',
      user_id: 'u-1',
      group_id: 'web-shop',
      segments: [],
      tenant: 'demo',
      timestamp: '2026-03-01T00:00:00.000Z',
    },
    {
      ...place,
      type: 'interaction',
      id: 'a',
      member_id: 'm-1',
      intent: 'escalate',
      sentiment: 'negative',
      timestamp: '2026-03-01T10:00:00.000Z',
      response_text: 'Yes.',
      response_time_ms: 0,
    },
    { ...place, type: 'interaction', id: 'b', intent: 'fallback', timestamp: '2026-03-01T11:00:00.000Z' },
    {
      ...place,
      type: 'interaction',
      id: 'c',
      intent: 'buy',
      sentiment: 'positive',
      timestamp: '2026-03-02T00:00:00.000Z',
    },
    {
      type: 'completion',
      interaction_id: 'b',
      tenant: 'demo',
      timestamp: '2026-03-01T11:00:01.000Z',
      response_text: 'Hm.',
      response_time_ms: 300,
    },
    {
      type: 'feedback',
      id: 'f',
      interaction_id: 'a',
      csat_rating: 4,
      tenant: 'demo',
      timestamp: '2026-03-01T12:00:00.000Z',
    },
  ];
  const day = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-03-02T00:00:00Z') };
  expect(demoTruth(few, day)).toEqual({
    total_interactions: 2,
    escalated: 1,
    containment_rate: 0.5,
    resolution_rate: 0,
    avg_handling_time_ms: 300,
    avg_response_latency_ms: 150,
    total_conversions: 0,
    outcomes: {},
    completion_rate: 0.5,
    bounce_rate: 0,
    sentiment_distribution: { negative: 1 },
    positive_sentiment_rate: 0,
    active_members: 1,
    active_users: 1,
    users: 2,
    retention_rate: 0.5,
    avg_csat: 4,
    csat_responses: 1,
    csat_top2: 1,
    revenue: 0,
    revenue_events: 0,
    refunded: 0,
    sessions: 1,
  });
  expect(demoTruth(few, day, { botId: 'support' })).toMatchObject({
    total_interactions: 0,
    bounce_rate: null,
    avg_csat: null,
  });
});
