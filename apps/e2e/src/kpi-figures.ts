import type { KpiValue } from '@parley/contracts/parley/metrics/v1/kpi';
import type { GetKpisResponse } from '@parley/contracts/parley/metrics/v1/metrics_service';

/** What the KPIs of a window must be, by the guide's names. Null: there is nothing to compute it from. */
export interface Figures {
  readonly total_interactions: number;
  readonly containment_rate: number | null;
  readonly resolution_rate: number | null;
  readonly avg_handling_time_ms: number | null;
  readonly total_conversions: number;
  readonly completion_rate: number | null;
  readonly bounce_rate: number | null;
  readonly active_members: number;
  readonly avg_csat: number | null;
  readonly csat_top2: number | null;
}

export type FigureName = keyof Figures;

/** The same figures as the service gives them. */
export function figuresOf(response: GetKpisResponse): Record<FigureName, KpiValue | undefined> {
  const { customerExperience, operational, engagement } = response;
  return {
    total_interactions: engagement?.totalInteractions,
    containment_rate: operational?.containmentRate,
    resolution_rate: operational?.resolutionRate,
    avg_handling_time_ms: operational?.avgHandlingTimeMs,
    total_conversions: operational?.totalConversions,
    completion_rate: engagement?.completionRate,
    bounce_rate: engagement?.bounceRate,
    active_members: engagement?.activeMembers,
    avg_csat: customerExperience?.avgCsat,
    csat_top2: customerExperience?.csatTop2Rate,
  };
}

/** What is wrong with a figure that must be `expected`; undefined when nothing is. */
export function figureFault(expected: number | null, actual: KpiValue | undefined): string | undefined {
  if (!actual) return 'is missing';
  if (expected === null) {
    return actual.hasData || actual.value !== 0 ? `is ${actual.value} where there is no data` : undefined;
  }
  if (!isClose(actual.value, expected)) return `is ${actual.value} instead of ${expected}`;
  if (actual.denominator !== 0 && !isClose(actual.numerator / actual.denominator, actual.value)) {
    return `is ${actual.value}, not ${actual.numerator} of ${actual.denominator}`;
  }
  return undefined;
}

export function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));
}
