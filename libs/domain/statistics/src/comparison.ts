import type { Interval } from './interval.ts';

/** How two figures differ. */
export interface Comparison {
  /** The first less the second. */
  readonly difference: number;
  /** Where the true difference lies. */
  readonly interval: Interval;
  /** The probability of a difference at least as large when there is none, two-sided. */
  readonly pValue: number;
}
