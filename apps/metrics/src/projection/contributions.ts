import {
  conversionContribution,
  conversionRevenue,
  emptyState,
  feedbackContribution,
  interactionContribution,
  latencyBin,
  refundRevenue,
} from '@parley/kpi';
import type { RevenueSums } from '@parley/kpi';
import { sumsAlone } from './amounts.ts';
import type { Amounts } from './amounts.ts';
import type { Contribution } from './bucket-sums.ts';
import type { ConversionFact, FeedbackFact, InteractionFact, RefundFact } from './facts.ts';

const sentiments = { 0: undefined, 1: 'positive', 2: 'neutral', 3: 'negative' } as const;
const outcomes = { 1: 'purchased', 2: 'visited', 3: 'did_nothing', 4: 'resolved' } as const;
const feedbackTypes = { 1: 'csat', 2: 'nps', 3: 'ces', 4: 'thumbs' } as const;

/**
 * What an interaction adds, and where; undefined until it has come itself. `storage/kpi-state.sql.ts` says the same of
 * stored facts.
 */
export function interactionPart(fact: InteractionFact): Contribution | undefined {
  const { tenantId, occurredAt, botId, intent, sentiment, hasResponse, responseTimeMs, hasError } = fact;
  const { conversationId, memberOrdinal } = fact;
  if (occurredAt === null) return undefined;
  const state = interactionContribution({
    intent: intent === '' ? undefined : intent,
    sentiment: sentiments[sentiment],
    hasResponse,
    responseTimeMs: responseTimeMs ?? undefined,
    hasError,
    isThreaded: conversationId !== '' || memberOrdinal !== null,
  });
  const bins = responseTimeMs === null ? [] : [[latencyBin(responseTimeMs), 1] as const];
  return { tenantId, occurredAt, botId, state, bins, revenue: [] };
}

/** What a conversion adds, and where. */
export function conversionPart(fact: ConversionFact): Contribution {
  const { tenantId, occurredAt, botId, outcome, currencyCode, valueMinorUnits, refundedMinorUnits } = fact;
  const state = conversionContribution({ outcome: outcomes[outcome] });
  const revenue = earned(currencyCode, conversionRevenue(valueMinorUnits, refundedMinorUnits));
  return { tenantId, occurredAt, botId, state, bins: [], revenue };
}

/** What a refund adds, and where: at its own time. */
export function refundPart(fact: RefundFact): Contribution {
  const { tenantId, occurredAt, botId, currencyCode, valueMinorUnits } = fact;
  const revenue = earned(currencyCode, refundRevenue(valueMinorUnits));
  return { tenantId, occurredAt, botId, state: emptyState, bins: [], revenue };
}

function earned(currencyCode: string, sums: RevenueSums | undefined): Amounts['revenue'] {
  return sums === undefined ? [] : [[currencyCode, sums]];
}

/** What a rating adds, and where. */
export function feedbackPart(fact: FeedbackFact): Contribution {
  const { tenantId, occurredAt, botId, type, ratingMicros, scaleMaxMicros } = fact;
  const state = feedbackContribution({
    type: feedbackTypes[type],
    rating: ratingMicros === null ? undefined : ratingMicros / 1_000_000,
    scaleMax: scaleMaxMicros / 1_000_000,
  });
  return { tenantId, occurredAt, botId, state, ...sumsAlone };
}
