import { normalInterval, varianceOf, wilsonInterval } from '@parley/statistics';
import type { Interval, Moments } from '@parley/statistics';
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
  /** How far the value may be off by chance, where the parts alone don't tell: of a mean or a score. */
  readonly interval?: Interval;
}

/** The dashboard that a KPI is on. */
export type KpiGroup =
  | 'customer_experience'
  | 'operational'
  | 'engagement'
  | 'real_time'
  | 'conversations'
  | 'dialects'
  | 'revenue'
  | 'audience'
  | 'analyses'
  | 'health';

/** What one figure means. A definition never changes; a change makes one with another version. */
export interface KpiMeaning {
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
}

/** What the guide's figures are computed from. */
export type SumsAndPeople = readonly [state: KpiState, distinct: DistinctCounts];

/** A figure's meaning with the formula itself, over what it is computed from. */
export interface KpiDefinition<Input extends readonly unknown[] = SumsAndPeople> extends KpiMeaning {
  readonly parts: (...input: Input) => KpiParts;
}

/** A definition; its name is what its id says after the version. */
export function defineKpi<Input extends readonly unknown[]>(
  definition: Omit<KpiDefinition<Input>, 'name'>,
): KpiDefinition<Input> {
  const { definitionId } = definition;
  return { ...definition, name: definitionId.slice(definitionId.indexOf('/') + 1) };
}

/** Of nothing there is no share and no mean. */
export function quotient(numerator: number, denominator: number): KpiParts {
  return { numerator, denominator, sampleSize: denominator, hasData: denominator > 0 };
}

/** A number of things. `hasData` says whether a 0 is a count. */
export function countOf(things: number, sampleSize: number, hasData: boolean): KpiParts {
  return { numerator: things, denominator: 1, sampleSize, hasData };
}

/** From so many data points on a mean has an interval by the normal approximation. */
export const minMeanSample = 30;

/** The mean of values whose count, sum and sum of squares are known. */
export function meanParts(moments: Moments): KpiParts {
  const { count, sum } = moments;
  const parts = quotient(sum, count);
  if (count < minMeanSample) return parts;
  return { ...parts, interval: normalInterval(sum / count, Math.sqrt(varianceOf(moments) / count)) };
}

/** The figure that the definition gives for these events. */
export function evaluateKpi<Input extends readonly unknown[]>(
  definition: KpiDefinition<Input>,
  ...input: Input
): KpiValue {
  return toKpiValue(definition, definition.parts(...input));
}

/** The figure of these parts. */
export function toKpiValue(
  { definitionId, unit, isProportion }: KpiMeaning,
  { numerator, denominator, sampleSize, hasData, interval }: KpiParts,
): KpiValue {
  const shown = isProportion && hasData ? wilsonInterval(numerator, denominator) : interval;
  return {
    value: denominator > 0 ? numerator / denominator : 0,
    hasData,
    numerator,
    denominator,
    sampleSize,
    definitionId,
    unit,
    ...(shown !== undefined && { interval: shown }),
  };
}
