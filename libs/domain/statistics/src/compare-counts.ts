import type { Interval } from './interval.ts';
import { normalTwoSidedTail } from './normal.ts';
import { wilsonInterval } from './wilson-interval.ts';

/** So many events, at least 0, in so much time, more than 0. */
export interface CountOverTime {
  readonly count: number;
  readonly time: number;
}

/** How two rates of events compare. */
export interface CountComparison {
  /** The first rate by the second; infinite where the second is 0. */
  readonly ratio: number;
  /** Where the true ratio lies; its upper end is infinite where the second count is 0. */
  readonly interval: Interval;
  /** The probability of a ratio at least as far from 1 when it is 1, two-sided; below 1 - level where the interval excludes 1. */
  readonly pValue: number;
}

/**
 * The ratio of two Poisson rates. Given their sum, the first count is binomial with a share that is a function of the ratio
 * alone; the interval is the Wilson score interval of that share, the p-value that of the same score test. Undefined where
 * nothing was counted at all. Throws RangeError for negative counts or no time.
 *
 * J. Przyborowski and H. Wilenski, Homogeneity of Results in Testing Samples from Poisson Series. Biometrika 31 (1940)
 * 313-323, with Wilson's interval in the place of the exact one.
 */
export function compareCounts(a: CountOverTime, b: CountOverTime, level = 0.95): CountComparison | undefined {
  if (!(a.count >= 0 && b.count >= 0 && a.time > 0 && b.time > 0)) {
    throw new RangeError(
      `There can't be ${a.count} and ${b.count} events in a time of ${a.time} and ${b.time}.`,
    );
  }
  const total = a.count + b.count;
  if (total === 0) return undefined;
  const expected = a.time / (a.time + b.time);
  const share = wilsonInterval(a.count, total, level);
  const toRatio = (p: number): number => (p / (1 - p)) * (b.time / a.time);
  return {
    ratio: toRatio(a.count / total),
    interval: { lower: toRatio(share.lower), upper: toRatio(share.upper), level },
    pValue: normalTwoSidedTail((a.count / total - expected) / Math.sqrt((expected * (1 - expected)) / total)),
  };
}
