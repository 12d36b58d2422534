import type { CallFailure } from './call-failure.ts';

export interface PauseOptions {
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** The most that a service's own wish is followed, in ms. */
const longestAskedMs = 600_000;

/**
 * How long to wait in ms before a call is repeated that failed for the `attempt`th time in a row, from 1. Full jitter: all of
 * the pause is random, so that clients of one outage don't come back together. What the service asks for comes on top.
 */
export function pauseFor(
  { remedy, retryAfterMs = 0 }: CallFailure,
  attempt: number,
  { firstPauseMs, longestPauseMs, random }: PauseOptions,
): number {
  if (remedy === 'wait') return longestPauseMs * (0.5 + random() / 2);
  const most = Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs);
  return Math.min(retryAfterMs, longestAskedMs) + random() * most;
}
