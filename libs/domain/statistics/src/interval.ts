/** An interval that covers the true value with the probability `level`. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
  readonly level: number;
}
