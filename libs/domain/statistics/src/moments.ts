/** How many values there are, their sum and the sum of their squares; those of parts add up to those of the whole. */
export interface Moments {
  readonly count: number;
  readonly sum: number;
  readonly squareSum: number;
}

/** The mean of at least one value. */
export function meanOf({ count, sum }: Moments): number {
  return sum / count;
}

/**
 * The unbiased variance of at least two values. Where they are all alike rounding could leave it below 0; it is 0 then.
 */
export function varianceOf({ count, sum, squareSum }: Moments): number {
  return Math.max(0, (squareSum - (sum * sum) / count) / (count - 1));
}
