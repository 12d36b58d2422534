import type { Interval } from '@parley/statistics';

/**
 * What a figure is measured in: a number of things, a share, milliseconds, points of a scale, things in a minute, units
 * of the tenant's currency, a score of -100 to 100.
 */
export type KpiUnit = 'count' | 'rate' | 'milliseconds' | 'points' | 'per_minute' | 'money' | 'score';

/** A figure with everything that is needed to judge it. */
export interface KpiValue {
  /** The numerator by the denominator; 0 where the denominator is 0, never NaN. */
  readonly value: number;
  /** Whether there is anything that it is computed from. False: `value` says nothing. */
  readonly hasData: boolean;
  /** What is counted or summed. */
  readonly numerator: number;
  /** What it is divided by; for a plain count 1. */
  readonly denominator: number;
  /** How many data points it is computed from. */
  readonly sampleSize: number;
  /** Which definition, in which version: `guide.v1/containment_rate`. */
  readonly definitionId: string;
  readonly unit: KpiUnit;
  /**
   * At 95 %: for a proportion with data the Wilson score interval; for a mean or a score the normal interval, from 30 data
   * points on.
   */
  readonly interval?: Interval;
}
