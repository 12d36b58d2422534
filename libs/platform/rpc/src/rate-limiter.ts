import { DomainError } from '@parley/errors';

/** Calls per second by holder. */
export interface RateLimiter {
  /** Counts a call. @throws DomainError `resource-exhausted` with the time to wait when the holder calls too often. */
  count(holder: string): void;
}

interface Bucket {
  readonly calls: number;
  readonly at: number;
}

/** More than the tenants that are active within a burst's refill; the one that called longest ago starts afresh. */
const maxHolders = 10_000;

/** A token bucket for each holder: `burst` at once, `perSecond` after that. `clockMs` must not run backwards. */
export function createRateLimiter({
  perSecond,
  burst,
  clockMs,
}: {
  readonly perSecond: number;
  readonly burst: number;
  readonly clockMs: () => number;
}): RateLimiter {
  const buckets = new Map<string, Bucket>();
  return {
    count(holder) {
      const at = clockMs();
      const before = buckets.get(holder) ?? { calls: 0, at };
      const calls = Math.max(0, before.calls - ((at - before.at) / 1000) * perSecond) + 1;
      if (calls > burst) {
        throw new DomainError('Too many calls per second.', {
          kind: 'resource-exhausted',
          reason: 'TOO_MANY_CALLS_PER_SECOND',
          quotas: [{ subject: holder, description: `${perSecond} calls a second by one caller` }],
          retryAfterMs: Math.ceil(((calls - burst) / perSecond) * 1000),
        });
      }
      buckets.delete(holder);
      buckets.set(holder, { calls, at });
      const oldest = buckets.size > maxHolders ? buckets.keys().next().value : undefined;
      if (oldest !== undefined) {
        buckets.delete(oldest);
      }
    },
  };
}
