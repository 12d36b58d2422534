import { evaluateConversationKpi } from './conversation-definition.ts';
import type { ConversationDefinition, ConversationSums } from './conversation-definition.ts';
import * as kpi from './conversation-definitions.ts';
import type { KpiValue } from './kpi-value.ts';

const definitions = {
  conversations: kpi.conversationTotal,
  sessionContainmentRate: kpi.sessionContainmentRate,
  sessionContainmentNoReturn24hRate: kpi.sessionContainmentNoReturn24hRate,
  sessionContainmentNoReturn7dRate: kpi.sessionContainmentNoReturn7dRate,
  confirmedResolutionRate: kpi.confirmedResolutionRate,
  assumedResolutionRate: kpi.assumedResolutionRate,
  durableResolutionRate: kpi.durableResolutionRate,
  humanHandoffRate: kpi.humanHandoffRate,
  fallbackRate: kpi.fallbackRate,
  abandonmentRate: kpi.abandonmentRate,
  sessionBounceRate: kpi.sessionBounceRate,
  noResponseRate: kpi.noResponseRate,
  avgConversationDurationMs: kpi.avgConversationDurationMs,
  openConversations: kpi.openConversations,
  interactionsPerConversation: kpi.interactionsPerConversation,
  deflectionRate: kpi.deflectionRate,
  botHandledRate: kpi.botHandledRate,
  firstContactResolutionRate: kpi.firstContactResolutionRate,
  reopenRate: kpi.reopenRate,
  firstMessageFallbackRate: kpi.firstMessageFallbackRate,
  midConversationFallbackRate: kpi.midConversationFallbackRate,
  conversationCoverageRate: kpi.conversationCoverageRate,
} as const satisfies Record<string, ConversationDefinition>;

/** What is said of whole conversations, by the names of the dashboard. */
export type ConversationKpis = Readonly<Record<keyof typeof definitions, KpiValue>>;

/** The dashboard of conversations. */
export function conversationKpis(sums: ConversationSums): ConversationKpis {
  const values = Object.entries(definitions).map(
    ([name, definition]) => [name, evaluateConversationKpi(definition, sums)] as const,
  );
  return Object.fromEntries(values) as Record<keyof typeof definitions, KpiValue>;
}
