import type { Interval } from './interval.ts';
import { normalQuantile } from './normal.ts';

/**
 * The Wilson score interval of a share, without continuity correction: for so many successes, 0 to `trials`, of so many
 * trials, more than 0. It stays inside [0, 1] and is good for few trials too. Throws RangeError for other arguments.
 *
 * E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference. JASA 22 (1927) 209-212.
 */
export function wilsonInterval(successes: number, trials: number, level = 0.95): Interval {
  if (!(trials > 0 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`There can't be ${successes} successes in ${trials} trials.`);
  }
  const z = normalQuantile((1 + level) / 2);
  const share = successes / trials;
  const perTrial = (z * z) / trials;
  const middle = (share + perTrial / 2) / (1 + perTrial);
  const half = (z * Math.sqrt((share * (1 - share)) / trials + perTrial / (4 * trials))) / (1 + perTrial);
  return {
    // At the ends the formula gives exactly 0 and 1; rounding would leave it beside them.
    lower: successes === 0 ? 0 : Math.max(0, middle - half),
    upper: successes === trials ? 1 : Math.min(1, middle + half),
    level,
  };
}
