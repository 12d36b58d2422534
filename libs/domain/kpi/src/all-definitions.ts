import { weightedHealthScore } from './bot-health.ts';
import { figures } from './figures.ts';
import { funnelOverallRate, funnelStepRate } from './funnel-kpis.ts';
import type { KpiMeaning } from './kpi-definition.ts';
import {
  cohortChurnRate,
  cohortLifetimeValue,
  cohortRevenuePerPeriod,
  expectedLifetimeValue,
} from './lifetime-value.ts';
import { bracketRetentionRate, exactRetentionRate, unboundedRetentionRate } from './retention-kpis.ts';

/** What analyses tell, which is not of one window alone. */
const analysisMeanings: readonly KpiMeaning[] = [
  exactRetentionRate,
  unboundedRetentionRate,
  bracketRetentionRate,
  funnelStepRate,
  funnelOverallRate,
  cohortLifetimeValue,
  cohortRevenuePerPeriod,
  cohortChurnRate,
  expectedLifetimeValue,
];

/** What every figure means, in the order of their ids. */
export const allKpiMeanings: readonly KpiMeaning[] = [
  ...figures.map(({ meaning }) => meaning),
  ...analysisMeanings,
  // No figure of a window: rows of others go into it.
  weightedHealthScore,
].toSorted((one, other) => (one.definitionId < other.definitionId ? -1 : 1));
