import { conversionContribution, feedbackContribution, interactionContribution } from '@parley/kpi';
import type { KpiState } from '@parley/kpi';
import type { ConversionFact, FeedbackFact, InteractionFact } from './facts.ts';

const sentiments = { 0: undefined, 1: 'positive', 2: 'neutral', 3: 'negative' } as const;
const outcomes = { 1: 'purchased', 2: 'visited', 3: 'did_nothing', 4: 'resolved' } as const;
const feedbackTypes = { 1: 'csat', 2: 'nps', 3: 'ces', 4: 'thumbs' } as const;

/** What an interaction adds to its bucket. `storage/kpi-state.sql.ts` says the same of rows. */
export function interactionState(fact: InteractionFact): KpiState {
  return interactionContribution({
    intent: fact.intent === '' ? undefined : fact.intent,
    sentiment: sentiments[fact.sentiment],
    hasResponse: fact.hasResponse,
    responseTimeMs: fact.responseTimeMs ?? undefined,
    hasError: fact.hasError,
  });
}

/** What a conversion adds to its bucket. */
export function conversionState(fact: ConversionFact): KpiState {
  return conversionContribution({ outcome: outcomes[fact.outcome] });
}

/** What a rating adds to its bucket. */
export function feedbackState(fact: FeedbackFact): KpiState {
  return feedbackContribution({
    type: feedbackTypes[fact.type],
    rating: fact.ratingMicros === null ? undefined : fact.ratingMicros / 1_000_000,
    scaleMax: fact.scaleMaxMicros / 1_000_000,
  });
}
