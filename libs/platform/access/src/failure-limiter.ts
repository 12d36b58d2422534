import { DomainError } from '@parley/errors';
import type { Now } from '@parley/runtime';

export interface FailureLimits {
  /** Failures that an address may make at once; 20 are a few people mistyping behind one address. */
  readonly burst?: number;
  /** How many failures an address gets back each second. */
  readonly perSecond?: number;
  /** How many addresses are watched; the one that failed longest ago is forgotten. */
  readonly maxAddresses?: number;
  readonly now: Now;
}

/** Counts failed authentications by remote address. */
export interface FailureLimiter {
  /** @throws DomainError `resource-exhausted` with the time to wait when the address failed too often. */
  check(address: string): void;
  failed(address: string): void;
}

interface Failures {
  readonly count: number;
  readonly at: number;
}

/** A token bucket per address, kept as the failures that are not yet forgiven. */
export function createFailureLimiter({
  burst = 20,
  perSecond = 1,
  maxAddresses = 10_000,
  now,
}: FailureLimits): FailureLimiter {
  const byAddress = new Map<string, Failures>();

  function unforgiven(address: string): number {
    const failures = byAddress.get(address);
    if (failures === undefined) {
      return 0;
    }
    return Math.max(0, failures.count - ((now().getTime() - failures.at) / 1000) * perSecond);
  }

  return {
    check(address) {
      const excess = unforgiven(address) - (burst - 1);
      if (excess > 0) {
        throw new DomainError('Too many failed authentications from this address.', {
          kind: 'resource-exhausted',
          reason: 'TOO_MANY_FAILED_AUTHENTICATIONS',
          retryAfterMs: Math.ceil((excess / perSecond) * 1000),
        });
      }
    },
    failed(address) {
      const count = unforgiven(address) + 1;
      byAddress.delete(address);
      byAddress.set(address, { count, at: now().getTime() });
      const oldest = byAddress.size > maxAddresses ? byAddress.keys().next().value : undefined;
      if (oldest !== undefined) {
        byAddress.delete(oldest);
      }
    },
  };
}
