import type { KpiCounter } from '@parley/kpi';

/** Whose events are asked for, of which generation of rows. */
export interface ReadScope {
  readonly partition: number;
  readonly tenantId: string;
  readonly generation: number;
  /** Empty: all bots. */
  readonly botId: string;
  /** Empty: all groups. */
  readonly groupId: string;
  /** Empty: all intents. Here and below `unknown` is what is not known. */
  readonly intent: string;
  /** Empty: all channels. */
  readonly channel: string;
  /** `positive`, `neutral`, `negative`. Empty: all. */
  readonly sentiment: string;
  /** Of which segment the member is. Empty: all members, and anonymous ones. */
  readonly segment: string;
}

/** Whatever intent, channel, sentiment and segment. */
export const anyAttributes = { intent: '', channel: '', sentiment: '', segment: '' } as const;

/** What a row of facts counts as, where it isn't 0; the same as @parley/kpi says of a fact. */
export const ofInteraction: Partial<Record<KpiCounter, string>> = {
  interactionCount: '1',
  escalatedCount: "(f.intent = 'escalate')::int",
  incompleteCount: "(f.intent in ('abandoned', 'fallback'))::int",
  fallbackCount: "(f.intent = 'fallback')::int",
  unthreadedCount: "(f.conversation_id = '' and f.member_ordinal is null)::int",
  withoutResponseCount: '(not f.has_response)::int',
  lateResponseCount: '(f.has_response and f.response_time_ms > 300000)::int',
  responseTimeCount: '(f.response_time_ms > 0)::int',
  responseTimeSumMs: 'f.response_time_ms',
  latencyCount: '(f.response_time_ms is not null)::int',
  errorCount: 'f.has_error::int',
  positiveCount: '(f.sentiment = 1)::int',
  neutralCount: '(f.sentiment = 2)::int',
  negativeCount: '(f.sentiment = 3)::int',
};
export const ofConversion: Partial<Record<KpiCounter, string>> = {
  purchasedCount: '(f.outcome = 1)::int',
  visitedCount: '(f.outcome = 2)::int',
  didNothingCount: '(f.outcome = 3)::int',
  resolvedCount: '(f.outcome = 4)::int',
};
const isCsat = 'f.type = 1 and f.rating_micros is not null';
const isNps = 'f.type = 2 and f.scale_max_micros = 10000000';
const isCes = 'f.type = 3 and f.rating_micros is not null';
const isThumb = 'f.type = 4 and f.rating_micros is not null';
const isTop2 = 'f.rating_micros >= f.scale_max_micros - 1000000';
const square = '((f.rating_micros / 1000)::bigint * (f.rating_micros / 1000))';
export const ofFeedback: Partial<Record<KpiCounter, string>> = {
  csatCount: `(${isCsat} and f.rating_micros <> 0)::int`,
  csatSumMicros: `case when ${isCsat} then f.rating_micros end`,
  csatRatingCount: `(${isCsat})::int`,
  csatTop2Count: `(${isCsat} and ${isTop2})::int`,
  csatSquareSumMicros: `case when ${isCsat} then ${square} end`,
  npsCount: `(${isNps} and f.rating_micros is not null)::int`,
  npsPromoterCount: `(${isNps} and f.rating_micros >= 9000000)::int`,
  npsDetractorCount: `(${isNps} and f.rating_micros <= 6000000)::int`,
  cesCount: `(${isCes})::int`,
  cesSumMicros: `case when ${isCes} then f.rating_micros end`,
  cesSquareSumMicros: `case when ${isCes} then ${square} end`,
  cesTop2Count: `(${isCes} and ${isTop2})::int`,
  thumbsCount: `(${isThumb})::int`,
  thumbsUpCount: `(${isThumb} and f.rating_micros >= f.scale_max_micros)::int`,
};
