import type { Sentiment } from './contributions.ts';
import { evaluateKpi } from './kpi-definition.ts';
import type { DistinctCounts, KpiDefinition } from './kpi-definition.ts';
import * as kpi from './kpi-definitions.ts';
import type { KpiState } from './kpi-state.ts';
import type { KpiValue } from './kpi-value.ts';

/** How often a sentiment occurred. */
export interface SentimentCount {
  readonly label: Sentiment;
  readonly count: number;
}

/** The guide's `get_customer_experience_kpis` and its siblings. */
export interface CustomerExperienceKpis {
  readonly avgCsat: KpiValue;
  /** All three, also those that did not occur. */
  readonly sentimentDistribution: readonly SentimentCount[];
  readonly positiveSentimentRate: KpiValue;
  readonly csatTop2Rate: KpiValue;
  readonly nps: KpiValue;
  readonly avgCes: KpiValue;
  readonly cesTop2Rate: KpiValue;
  readonly thumbsUpRate: KpiValue;
}

/** The guide's `get_operational_kpis` and its siblings. */
export interface OperationalKpis {
  readonly containmentRate: KpiValue;
  readonly resolutionRate: KpiValue;
  readonly avgHandlingTimeMs: KpiValue;
  readonly totalConversions: KpiValue;
  readonly avgResponseLatencyMs: KpiValue;
  readonly convertedCount: KpiValue;
}

/** The guide's `get_engagement_kpis` and its siblings. */
export interface EngagementKpis {
  readonly activeUsers: KpiValue;
  readonly retentionRate: KpiValue;
  readonly completionRate: KpiValue;
  readonly bounceRate: KpiValue;
  readonly totalInteractions: KpiValue;
  readonly activeMembers: KpiValue;
}

/** The guide's `get_real_time_metrics`. */
export interface RealTimeKpis {
  readonly interactionsPerMinute: KpiValue;
  readonly conversionRate: KpiValue;
  readonly avgResponseTime: KpiValue;
}

/** The length of the window of the real-time metrics: the last hour. */
export const realTimeWindowSeconds = 3600;

/** The dashboard of the events of that state. */
export function customerExperienceKpis(state: KpiState): CustomerExperienceKpis {
  return {
    avgCsat: ofSums(kpi.avgCsat, state),
    sentimentDistribution: [
      { label: 'positive', count: state.positiveCount },
      { label: 'neutral', count: state.neutralCount },
      { label: 'negative', count: state.negativeCount },
    ],
    positiveSentimentRate: ofSums(kpi.positiveSentimentRate, state),
    csatTop2Rate: ofSums(kpi.csatTop2Rate, state),
    nps: ofSums(kpi.nps, state),
    avgCes: ofSums(kpi.avgCes, state),
    cesTop2Rate: ofSums(kpi.cesTop2Rate, state),
    thumbsUpRate: ofSums(kpi.thumbsUpRate, state),
  };
}

/** The dashboard of the events of that state. */
export function operationalKpis(state: KpiState): OperationalKpis {
  return {
    containmentRate: ofSums(kpi.containmentRate, state),
    resolutionRate: ofSums(kpi.resolutionRate, state),
    avgHandlingTimeMs: ofSums(kpi.avgHandlingTimeMs, state),
    totalConversions: ofSums(kpi.totalConversions, state),
    avgResponseLatencyMs: ofSums(kpi.avgResponseLatencyMs, state),
    convertedCount: ofSums(kpi.convertedCount, state),
  };
}

/** The dashboard of the events of that state, with what was counted of their members. */
export function engagementKpis(state: KpiState, distinct: DistinctCounts): EngagementKpis {
  return {
    activeUsers: evaluateKpi(kpi.activeUsers, state, distinct),
    retentionRate: evaluateKpi(kpi.retentionRate, state, distinct),
    completionRate: evaluateKpi(kpi.completionRate, state, distinct),
    bounceRate: evaluateKpi(kpi.bounceRate, state, distinct),
    totalInteractions: evaluateKpi(kpi.totalInteractions, state, distinct),
    activeMembers: evaluateKpi(kpi.activeMembers, state, distinct),
  };
}

/** The metrics of the events of that state, which must be those of one hour. */
export function realTimeKpis(state: KpiState): RealTimeKpis {
  return {
    interactionsPerMinute: ofSums(kpi.interactionsPerMinute, state),
    conversionRate: ofSums(kpi.conversionRate, state),
    avgResponseTime: ofSums(kpi.avgResponseTime, state),
  };
}

const nobody: DistinctCounts = { activeMembers: 0, activeUsers: 0, users: 0 };

/** A KPI that no count of members goes into. */
function ofSums(definition: KpiDefinition, state: KpiState): KpiValue {
  return evaluateKpi(definition, state, nobody);
}
