import { conversionContribution, feedbackContribution, interactionContribution } from '@parley/kpi';
import type { Contribution } from './bucket-sums.ts';
import type { ConversionFact, FeedbackFact, InteractionFact } from './facts.ts';

const sentiments = { 0: undefined, 1: 'positive', 2: 'neutral', 3: 'negative' } as const;
const outcomes = { 1: 'purchased', 2: 'visited', 3: 'did_nothing', 4: 'resolved' } as const;
const feedbackTypes = { 1: 'csat', 2: 'nps', 3: 'ces', 4: 'thumbs' } as const;

/**
 * What an interaction adds, and where; undefined until it has come itself. `storage/kpi-state.sql.ts` says the same of
 * stored facts.
 */
export function interactionPart(fact: InteractionFact): Contribution | undefined {
  const { tenantId, occurredAt, botId, intent, sentiment, hasResponse, responseTimeMs, hasError } = fact;
  if (occurredAt === null) return undefined;
  const state = interactionContribution({
    intent: intent === '' ? undefined : intent,
    sentiment: sentiments[sentiment],
    hasResponse,
    responseTimeMs: responseTimeMs ?? undefined,
    hasError,
  });
  return { tenantId, occurredAt, botId, state };
}

/** What a conversion adds, and where. */
export function conversionPart({ tenantId, occurredAt, botId, outcome }: ConversionFact): Contribution {
  const state = conversionContribution({ outcome: outcomes[outcome] });
  return { tenantId, occurredAt, botId, state };
}

/** What a rating adds, and where. */
export function feedbackPart(fact: FeedbackFact): Contribution {
  const { tenantId, occurredAt, botId, type, ratingMicros, scaleMaxMicros } = fact;
  const state = feedbackContribution({
    type: feedbackTypes[type],
    rating: ratingMicros === null ? undefined : ratingMicros / 1_000_000,
    scaleMax: scaleMaxMicros / 1_000_000,
  });
  return { tenantId, occurredAt, botId, state };
}
