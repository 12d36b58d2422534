import { emptyState } from './kpi-state.ts';
import type { KpiCounter, KpiState } from './kpi-state.ts';

/** The feeling of a message. */
export type Sentiment = 'positive' | 'neutral' | 'negative';

/** What the KPIs need to know of an interaction, once its completion and its enrichment are in it. */
export interface InteractionFact {
  /** Compared to the letter. Undefined: not known. */
  readonly intent: string | undefined;
  readonly sentiment: Sentiment | undefined;
  /** Whether there is a response text that is not empty. */
  readonly hasResponse: boolean;
  /** Whole milliseconds, 0 or more; 0 is a time. Undefined: not known. */
  readonly responseTimeMs: number | undefined;
  /** Whether there is an error code. */
  readonly hasError: boolean;
  /** Whether it belongs to a conversation: it has the id of one, or a member. */
  readonly isThreaded: boolean;
}

/** A response that comes later than that is none to who waits for it. */
const patienceMs = 5 * 60_000;

/** What came of an interaction. */
export type Outcome = 'purchased' | 'visited' | 'did_nothing' | 'resolved';

/** What the KPIs need to know of a conversion. */
export interface ConversionFact {
  readonly outcome: Outcome;
}

/** What was asked of a member. */
export type FeedbackType = 'csat' | 'nps' | 'ces' | 'thumbs';

/** What the KPIs need to know of a rating. */
export interface FeedbackFact {
  readonly type: FeedbackType;
  /** A multiple of a millionth; what is finer is rounded. Undefined: asked, but not answered. */
  readonly rating: number | undefined;
  /** The highest rating of its scale. Undefined: the type's own, 5 for CSAT, 10 for NPS, 7 for CES and 1 for thumbs. */
  readonly scaleMax: number | undefined;
}

/** What an interaction adds to the state of its bucket. */
export function interactionContribution(fact: InteractionFact): KpiState {
  const { intent, sentiment, hasResponse, responseTimeMs, hasError, isThreaded } = fact;
  return {
    ...emptyState,
    interactionCount: 1,
    escalatedCount: Number(intent === 'escalate'),
    incompleteCount: Number(intent === 'abandoned' || intent === 'fallback'),
    fallbackCount: Number(intent === 'fallback'),
    unthreadedCount: Number(!isThreaded),
    withoutResponseCount: Number(!hasResponse),
    lateResponseCount: Number(hasResponse && responseTimeMs !== undefined && responseTimeMs > patienceMs),
    responseTimeCount: Number(responseTimeMs !== undefined && responseTimeMs > 0),
    responseTimeSumMs: responseTimeMs ?? 0,
    latencyCount: Number(responseTimeMs !== undefined),
    errorCount: Number(hasError),
    positiveCount: Number(sentiment === 'positive'),
    neutralCount: Number(sentiment === 'neutral'),
    negativeCount: Number(sentiment === 'negative'),
  };
}

const outcomeCounters: Readonly<Record<Outcome, KpiCounter>> = {
  purchased: 'purchasedCount',
  visited: 'visitedCount',
  did_nothing: 'didNothingCount',
  resolved: 'resolvedCount',
};

/** What a conversion adds to the state of its bucket. */
export function conversionContribution({ outcome }: ConversionFact): KpiState {
  return { ...emptyState, [outcomeCounters[outcome]]: 1 };
}

const usualScaleMax: Readonly<Record<FeedbackType, number>> = { csat: 5, nps: 10, ces: 7, thumbs: 1 };

/** What a rating adds to the state of its bucket: nothing where nobody answered. */
export function feedbackContribution({ type, rating, scaleMax }: FeedbackFact): KpiState {
  if (rating === undefined) return emptyState;
  // In whole millionths throughout: 1.3 - 1 is above 0.3.
  const micros = Math.round(rating * 1_000_000);
  const max = Math.round((scaleMax ?? usualScaleMax[type]) * 1_000_000);
  const isTop2 = Number(micros >= max - 1_000_000);
  switch (type) {
    case 'csat':
      return {
        ...emptyState,
        csatCount: Number(micros !== 0),
        csatSumMicros: micros,
        csatRatingCount: 1,
        csatTop2Count: isTop2,
        csatSquareSumMicros: squareMicros(micros),
      };
    case 'nps':
      // Who promotes is defined on 0 to 10 alone; to stretch another scale would make up answers that nobody gave.
      if (max !== 10_000_000) return emptyState;
      return {
        ...emptyState,
        npsCount: 1,
        npsPromoterCount: Number(micros >= 9_000_000),
        npsDetractorCount: Number(micros <= 6_000_000),
      };
    case 'ces':
      return {
        ...emptyState,
        cesCount: 1,
        cesSumMicros: micros,
        cesSquareSumMicros: squareMicros(micros),
        cesTop2Count: isTop2,
      };
    case 'thumbs':
      return { ...emptyState, thumbsCount: 1, thumbsUpCount: Number(micros >= max) };
  }
}

/** Of whole thousandths, so that the square is a whole number of millionths. */
function squareMicros(micros: number): number {
  return Math.trunc(micros / 1_000) ** 2;
}
