import { wilsonInterval } from '@parley/statistics';
import type { KpiState } from './kpi-state.ts';
import type { KpiUnit, KpiValue } from './kpi-value.ts';

/** What no sum can tell: how many different ones there are. */
export interface DistinctCounts {
  /** Different members who had an interaction in the window. */
  readonly activeMembers: number;
  /** Different users whose members had one. */
  readonly activeUsers: number;
  /** Users recorded before the window's end. */
  readonly users: number;
}

/** What a value is made of. */
export interface KpiParts {
  readonly numerator: number;
  readonly denominator: number;
  readonly sampleSize: number;
  readonly hasData: boolean;
}

/** The dashboard that a KPI is on. */
export type KpiGroup = 'customer_experience' | 'operational' | 'engagement' | 'real_time';

/** What one figure means. A definition never changes; a change makes one with another version. */
export interface KpiDefinition {
  /** Its version and name: `guide.v1/containment_rate`. */
  readonly definitionId: string;
  /** Its name: `containment_rate`. No two definitions have the same. */
  readonly name: string;
  readonly group: KpiGroup;
  /** What it means, in a sentence. */
  readonly description: string;
  /** Its formula in words. */
  readonly formula: string;
  readonly unit: KpiUnit;
  /** Where the formula comes from. */
  readonly source: string;
  /** Whether the numerator is a part of the denominator, so that the value lies in 0 to 1 and has an interval. */
  readonly isProportion: boolean;
  /** The formula itself. */
  readonly parts: (state: KpiState, distinct: DistinctCounts) => KpiParts;
}

/** The figure that the definition gives for these events. */
export function evaluateKpi(definition: KpiDefinition, state: KpiState, distinct: DistinctCounts): KpiValue {
  const { definitionId, unit, isProportion } = definition;
  const { numerator, denominator, sampleSize, hasData } = definition.parts(state, distinct);
  return {
    value: denominator > 0 ? numerator / denominator : 0,
    hasData,
    numerator,
    denominator,
    sampleSize,
    definitionId,
    unit,
    ...(isProportion && hasData && { interval: wilsonInterval(numerator, denominator) }),
  };
}
