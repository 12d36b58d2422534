/**
 * What the KPIs are computed from: sums over any set of events. States of parts add up to the state of the whole, in any
 * order; a contribution that is taken out is a state with negative numbers. All are whole numbers and exact up to 2^53
 * (as milliseconds: 285,000 years of response times).
 */
export interface KpiState {
  /** Interactions. */
  readonly interactionCount: number;
  /** Interactions whose intent is exactly `escalate`. */
  readonly escalatedCount: number;
  /** Interactions whose intent is `abandoned` or `fallback`. */
  readonly incompleteCount: number;
  /** Interactions whose intent is exactly `fallback`. */
  readonly fallbackCount: number;
  /** Interactions that belong to no conversation. */
  readonly unthreadedCount: number;
  /** Interactions whose response text is missing or empty. */
  readonly withoutResponseCount: number;
  /** Interactions with a response that came after more than 5 minutes. */
  readonly lateResponseCount: number;
  /** Interactions with a response time above 0. */
  readonly responseTimeCount: number;
  /** Their response times, in milliseconds; those of 0 would add nothing. */
  readonly responseTimeSumMs: number;
  /** Interactions with a response time, 0 or above. */
  readonly latencyCount: number;
  /** Interactions in which the bot failed. */
  readonly errorCount: number;
  /** Interactions with a positive sentiment. */
  readonly positiveCount: number;
  /** Interactions with a neutral sentiment. */
  readonly neutralCount: number;
  /** Interactions with a negative sentiment. */
  readonly negativeCount: number;
  /** Conversions that purchased. */
  readonly purchasedCount: number;
  /** Conversions that visited. */
  readonly visitedCount: number;
  /** Conversions that did nothing. */
  readonly didNothingCount: number;
  /** Conversions that resolved. */
  readonly resolvedCount: number;
  /** CSAT ratings other than 0. */
  readonly csatCount: number;
  /** Their sum in millionths of a point, so that it is exact in any order; ratings of 0 would add nothing. */
  readonly csatSumMicros: number;
  /** CSAT ratings, 0 included where the scale has it. */
  readonly csatRatingCount: number;
  /** CSAT ratings in the upper two points of their scale. */
  readonly csatTop2Count: number;
  /** The squares of the CSAT ratings, each cut to thousandths of a point before, in millionths: how much they vary. */
  readonly csatSquareSumMicros: number;
  /** NPS ratings on the scale of 0 to 10, the only one that has promoters. */
  readonly npsCount: number;
  /** Those of 9 and 10. */
  readonly npsPromoterCount: number;
  /** Those of 0 to 6. */
  readonly npsDetractorCount: number;
  /** CES ratings. */
  readonly cesCount: number;
  /** Their sum in millionths of a point. */
  readonly cesSumMicros: number;
  /** Their squares, as those of CSAT. */
  readonly cesSquareSumMicros: number;
  /** CES ratings in the upper two points of their scale. */
  readonly cesTop2Count: number;
  /** Thumbs. */
  readonly thumbsCount: number;
  /** Thumbs that are up: at the top of their scale. */
  readonly thumbsUpCount: number;
}

/** One of the sums. */
export type KpiCounter = keyof KpiState;

/** The state of no events. */
export const emptyState: KpiState = Object.freeze({
  interactionCount: 0,
  escalatedCount: 0,
  incompleteCount: 0,
  fallbackCount: 0,
  unthreadedCount: 0,
  withoutResponseCount: 0,
  lateResponseCount: 0,
  responseTimeCount: 0,
  responseTimeSumMs: 0,
  latencyCount: 0,
  errorCount: 0,
  positiveCount: 0,
  neutralCount: 0,
  negativeCount: 0,
  purchasedCount: 0,
  visitedCount: 0,
  didNothingCount: 0,
  resolvedCount: 0,
  csatCount: 0,
  csatSumMicros: 0,
  csatRatingCount: 0,
  csatTop2Count: 0,
  csatSquareSumMicros: 0,
  npsCount: 0,
  npsPromoterCount: 0,
  npsDetractorCount: 0,
  cesCount: 0,
  cesSumMicros: 0,
  cesSquareSumMicros: 0,
  cesTop2Count: 0,
  thumbsCount: 0,
  thumbsUpCount: 0,
});

/** The sums' names, in the order in which `KpiState` lists them. */
export const kpiCounters = Object.keys(emptyState) as readonly KpiCounter[];

/** The state of the events of both. */
export function addStates(a: KpiState, b: KpiState): KpiState {
  return combine(a, b, 1);
}

/** The state of the events of `a` without those of `b`. */
export function subtractStates(a: KpiState, b: KpiState): KpiState {
  return combine(a, b, -1);
}

function combine(a: KpiState, b: KpiState, sign: 1 | -1): KpiState {
  const sum: Record<KpiCounter, number> = { ...a };
  for (const counter of kpiCounters) sum[counter] += sign * b[counter];
  return sum;
}
