import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as guide from './guide-oracle.ts';
import type { GuideTables } from './guide-oracle.ts';
import {
  addStates,
  conversionContribution,
  customerExperienceKpis,
  emptyState,
  engagementKpis,
  feedbackContribution,
  interactionContribution,
  operationalKpis,
  realTimeKpis,
} from './index.ts';
import type { DistinctCounts, KpiState, KpiValue } from './index.ts';
import { intents, outcomes, responseTimes, sentiments } from '../test/arbitraries.ts';

// Parley's figures against the guide's own formulas on random streams. They may differ by these rulings and no others:
//
// A3, A6, A7, A14  Where the guide divides by zero, Parley says 0 without data.
// A7               The sentiment query obeys the window, as the ratings beside it do.
// A8               A window has an end; what is dated later does not count.
// A10              Who is active is derived from interactions, not read from `last_activity` as it is now, and only users
//                  recorded before the window's end are divided by.
// S50              Sentiments that did not occur are counted too, with 0.

const hour = 3_600_000;
const day = 24 * hour;
const now = Date.UTC(2026, 2, 31, 12);

const times = fc.oneof(
  fc.integer({ min: now - 40 * day, max: now + day }),
  fc.integer({ min: now - 2 * hour, max: now }),
  // The edges of the windows, and beside them.
  fc.constantFrom(now - 30 * day, now - 30 * day - 1, now - hour, now - hour - 1, now - 1, now),
);
const memberIds = fc.constantFrom('m-1', 'm-2', 'm-3', 'm-4', 'm-5', 'm-6');

const streams = fc.record({
  interactions: fc.array(
    fc.record({
      at: times,
      memberId: memberIds,
      intent: intents,
      sentiment: sentiments,
      responseText: fc.constantFrom(undefined, '', 'Done.'),
      responseTimeMs: responseTimes,
    }),
    { maxLength: 60 },
  ),
  conversions: fc.array(fc.record({ at: times, outcome: outcomes }), { maxLength: 20 }),
  ratings: fc.array(fc.record({ at: times, rating: fc.constantFrom(undefined, 0, 1, 2, 3, 3.7, 4, 5) }), {
    maxLength: 20,
  }),
  /** Which user each known member is; some members are nobody's. */
  userIds: fc.dictionary(memberIds, fc.constantFrom(undefined, 'u-1', 'u-2', 'u-3')),
  users: fc.array(fc.record({ at: times }), { maxLength: 6 }),
});
type Stream = typeof streams extends fc.Arbitrary<infer T> ? T : never;

/** The stream in the guide's tables, as they are at the window's end. */
function guideTables({ interactions, conversions, ratings, userIds, users }: Stream): GuideTables {
  const lastActivity = new Map<string, number>();
  for (const { memberId, at } of interactions) {
    if (at < now) lastActivity.set(memberId, Math.max(at, lastActivity.get(memberId) ?? at));
  }
  const tenant = { tenant_id: 'tenant' };
  const tables: GuideTables = {
    botInteractions: interactions
      .filter(({ at }) => at < now)
      .map(({ at, intent, sentiment, responseText, responseTimeMs }) => ({
        ...tenant,
        created_at: at,
        intent: intent ?? null,
        sentiment: sentiment ?? null,
        response_text: responseText ?? null,
        response_time_ms: responseTimeMs ?? null,
      })),
    conversionTracking: conversions
      .filter(({ at }) => at < now)
      .map(({ at, outcome }) => ({ ...tenant, created_at: at, outcome })),
    customerFeedback: ratings
      .filter(({ at }) => at < now)
      .map(({ at, rating }) => ({ ...tenant, created_at: at, csat_rating: rating ?? null })),
    groupMembers: [...lastActivity]
      .filter(([memberId]) => Object.hasOwn(userIds, memberId))
      .map(([memberId, last_activity]) => ({ ...tenant, user_id: userIds[memberId] ?? null, last_activity })),
    users: users.filter(({ at }) => at < now).map(() => tenant),
  };
  // Another tenant's rows, in which everything is different, must not matter.
  return {
    botInteractions: [
      ...tables.botInteractions,
      {
        tenant_id: 'other',
        created_at: now - 1,
        intent: 'escalate',
        sentiment: 'positive',
        response_text: null,
        response_time_ms: 9,
      },
    ],
    conversionTracking: [
      ...tables.conversionTracking,
      { tenant_id: 'other', created_at: now - 1, outcome: 'purchased' },
    ],
    customerFeedback: [
      ...tables.customerFeedback,
      { tenant_id: 'other', created_at: now - 1, csat_rating: 1 },
    ],
    groupMembers: [...tables.groupMembers, { tenant_id: 'other', user_id: 'u-9', last_activity: now - 1 }],
    users: [...tables.users, { tenant_id: 'other' }],
  };
}

/** The same stream as Parley sums it up. */
function parleySums(
  { interactions, conversions, ratings, userIds, users }: Stream,
  start: number,
): { state: KpiState; distinct: DistinctCounts } {
  const inWindow = ({ at }: { at: number }) => start <= at && at < now;
  const heard = interactions.filter(inWindow);
  const state = [
    ...heard.map(({ intent, sentiment, responseText, responseTimeMs }) =>
      interactionContribution({
        intent,
        sentiment,
        responseTimeMs,
        hasResponse: responseText !== undefined && responseText !== '',
        hasError: false,
        isThreaded: true,
      }),
    ),
    ...conversions.filter(inWindow).map(conversionContribution),
    ...ratings
      .filter(inWindow)
      .map(({ rating }) => feedbackContribution({ type: 'csat', rating, scaleMax: undefined })),
  ].reduce(addStates, emptyState);
  const members = new Set(heard.map(({ memberId }) => memberId));
  const active = new Set([...members].map((memberId) => userIds[memberId]).filter((id) => id !== undefined));
  return {
    state,
    distinct: {
      activeMembers: members.size,
      activeUsers: active.size,
      users: users.filter(({ at }) => at < now).length,
    },
  };
}

/** Claims that Parley's figure is the guide's, or that both have none. */
function expectGuides(ours: KpiValue, theirs: () => number): void {
  try {
    const value = theirs();
    expect(Math.abs(ours.value - value), ours.definitionId).toBeLessThanOrEqual(
      1e-12 * Math.max(1, Math.abs(value)),
    );
    // Where the guide says 0 of nothing (A3), Parley says so.
    if (value !== 0) expect(ours.hasData, ours.definitionId).toBe(true);
  } catch (error) {
    if (!(error instanceof guide.ZeroDivisionError)) throw error;
    expect(ours).toMatchObject({ value: 0, hasData: false });
  }
}

test('the customer experience dashboard is the guide’s', () => {
  fc.assert(
    fc.property(streams, (stream) => {
      const ours = customerExperienceKpis(parleySums(stream, now - 30 * day).state);
      const tables = guideTables(stream);
      const windowed = {
        ...tables,
        botInteractions: tables.botInteractions.filter((row) => row.created_at >= now - 30 * day),
      };
      // Each from a stream on which the other can be computed.
      const rated = { tenant_id: 'tenant', created_at: now - 1, csat_rating: 5 };
      const felt = {
        tenant_id: 'tenant',
        created_at: now - 1,
        intent: null,
        sentiment: 'positive',
        response_text: null,
        response_time_ms: null,
      };
      expectGuides(
        ours.avgCsat,
        () =>
          guide.getCustomerExperienceKpis({ ...windowed, botInteractions: [felt] }, 'tenant', now).avg_csat,
      );
      const sentiment = () =>
        guide.getCustomerExperienceKpis({ ...windowed, customerFeedback: [rated] }, 'tenant', now);
      expectGuides(ours.positiveSentimentRate, () => sentiment().positive_sentiment_rate);
      if (ours.positiveSentimentRate.hasData) {
        const occurred = ours.sentimentDistribution.filter(({ count }) => count > 0);
        expect(Object.fromEntries(occurred.map(({ label, count }) => [label, count]))).toEqual(
          sentiment().sentiment_distribution,
        );
      }
    }),
  );
});

test('the operational dashboard is the guide’s', () => {
  fc.assert(
    fc.property(streams, (stream) => {
      const ours = operationalKpis(parleySums(stream, now - 30 * day).state);
      const theirs = guide.getOperationalKpis(guideTables(stream), 'tenant', now);
      expectGuides(ours.containmentRate, () => theirs.containment_rate);
      expectGuides(ours.resolutionRate, () => theirs.resolution_rate);
      expectGuides(ours.avgHandlingTimeMs, () => theirs.avg_handling_time_ms);
      expectGuides(ours.totalConversions, () => theirs.total_conversions);
    }),
  );
});

test('the engagement dashboard is the guide’s', () => {
  fc.assert(
    fc.property(streams, (stream) => {
      const { state, distinct } = parleySums(stream, now - 30 * day);
      const ours = engagementKpis(state, distinct);
      const theirs = guide.getEngagementKpis(guideTables(stream), 'tenant', now);
      expectGuides(ours.activeUsers, () => theirs.active_users);
      expectGuides(ours.retentionRate, () => theirs.retention_rate);
      expectGuides(ours.completionRate, () => theirs.completion_rate);
      expectGuides(ours.bounceRate, () => theirs.bounce_rate);
      expectGuides(ours.totalInteractions, () => theirs.total_interactions);
    }),
  );
});

test('the real-time metrics are the guide’s', () => {
  fc.assert(
    fc.property(streams, (stream) => {
      const ours = realTimeKpis(parleySums(stream, now - hour).state);
      const tables = guideTables(stream);
      expectGuides(
        ours.avgResponseTime,
        () => guide.getRealTimeMetrics(tables, 'tenant', now).avg_response_time,
      );
      // Where that one fails (A14), it takes the guide's whole answer with it: the others are compared as if every
      // interaction had a time.
      const timed = tables.botInteractions.map((row) => ({ ...row, response_time_ms: 1 }));
      const whole = guide.getRealTimeMetrics({ ...tables, botInteractions: timed }, 'tenant', now);
      expectGuides(ours.interactionsPerMinute, () => whole.interactions_per_minute);
      expectGuides(ours.conversionRate, () => whole.conversion_rate);
    }),
  );
});

test('where the guide divides by zero, so does its transcription', () => {
  const nothing: GuideTables = {
    botInteractions: [],
    conversionTracking: [],
    customerFeedback: [],
    groupMembers: [],
    users: [],
  };
  expect(() => guide.getCustomerExperienceKpis(nothing, 'tenant', now)).toThrow(guide.ZeroDivisionError);
  expect(guide.getOperationalKpis(nothing, 'tenant', now).containment_rate).toBe(0);
  expect(guide.getEngagementKpis(nothing, 'tenant', now).retention_rate).toBe(0);
  expect(guide.getRealTimeMetrics(nothing, 'tenant', now).avg_response_time).toBe(0);
});
