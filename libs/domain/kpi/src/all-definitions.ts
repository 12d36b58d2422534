import * as audience from './audience-kpis.ts';
import { conversationDefinitions } from './conversation-definitions.ts';
import type { KpiMeaning } from './kpi-definition.ts';
import { kpiDefinitions } from './kpi-definitions.ts';
import * as latency from './latency-kpis.ts';
import * as revenue from './revenue-kpis.ts';

/** What every figure means, in the order of their ids. */
export const allKpiMeanings: readonly KpiMeaning[] = [
  ...kpiDefinitions,
  ...conversationDefinitions,
  latency.responseLatencyP50Ms,
  latency.responseLatencyP90Ms,
  latency.responseLatencyP95Ms,
  latency.responseLatencyP99Ms,
  revenue.revenue,
  revenue.grossRevenue,
  revenue.refunded,
  revenue.revenuePerConversation,
  revenue.revenuePerInteraction,
  revenue.arpu,
  revenue.arppu,
  revenue.payingMembers,
  revenue.avgOrderValue,
  audience.dau,
  audience.wau,
  audience.mau,
  audience.stickiness,
  audience.newMembers,
  audience.returningMembers,
  audience.resurrectedMembers,
  audience.dormantMembers,
].toSorted((one, other) => (one.definitionId < other.definitionId ? -1 : 1));
