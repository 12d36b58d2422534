import type { Interval } from './interval.ts';
import { normalQuantile } from './normal.ts';

/** The interval of an estimate with that standard error by the normal approximation, good from some thirty values on. */
export function normalInterval(estimate: number, standardError: number, level = 0.95): Interval {
  const half = normalQuantile((1 + level) / 2) * standardError;
  return { lower: estimate - half, upper: estimate + half, level };
}
