import type { Comparison } from './comparison.ts';
import { normalTwoSidedTail } from './normal.ts';
import { wilsonInterval } from './wilson-interval.ts';

/** So many successes of so many trials, more than 0. */
export interface Proportion {
  readonly successes: number;
  readonly trials: number;
}

/**
 * The difference of two shares of different trials. The interval is Newcombe's hybrid score interval, which stays inside
 * -1 to 1 and is good for few trials too; the p-value is that of the score test (the pooled z test), so at the very border
 * the two may disagree. Throws RangeError as `wilsonInterval` does.
 *
 * R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of eleven methods.
 * Statistics in Medicine 17 (1998) 873-890, method 10.
 */
export function compareProportions(a: Proportion, b: Proportion, level = 0.95): Comparison {
  const [ofA, ofB] = [
    wilsonInterval(a.successes, a.trials, level),
    wilsonInterval(b.successes, b.trials, level),
  ];
  const [p, q] = [a.successes / a.trials, b.successes / b.trials];
  const difference = p - q;
  const pooled = (a.successes + b.successes) / (a.trials + b.trials);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / a.trials + 1 / b.trials));
  return {
    difference,
    interval: {
      lower: Math.max(-1, difference - Math.hypot(p - ofA.lower, ofB.upper - q)),
      upper: Math.min(1, difference + Math.hypot(ofA.upper - p, q - ofB.lower)),
      level,
    },
    pValue: error === 0 ? 1 : normalTwoSidedTail(difference / error),
  };
}
