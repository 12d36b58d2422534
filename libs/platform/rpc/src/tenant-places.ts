import { limitOf } from '@parley/access';
import type { Tenant } from '@parley/access';
import { DomainError } from '@parley/errors';

/** What a tenant may have open only so often at a time. */
export type Place = 'streams' | 'queries';

/** The open streams and queries of each tenant, counted in this process. */
export interface TenantPlaces {
  /**
   * Takes a place, and hands back how to give it up. A query waits for one, in the order of asking, until the signal is
   * aborted, whose reason it then throws.
   * @throws DomainError `resource-exhausted` (TENANT_STREAMS, TENANT_QUERIES) when as many streams are open, or too many
   *   queries wait.
   */
  take(tenant: Tenant, place: Place, signal: AbortSignal): Promise<() => void>;
}

/** For each query that is answered, so many may wait: a dashboard asks a dozen at once. */
const waitingForEach = 8;
const retryAfterMs = 1_000;

interface Taken {
  count: number;
  /** The limit when it was last asked for. */
  most: number;
  readonly waiting: Set<() => void>;
}

/** Bounds what one tenant has open; others are not held up by it. */
export function createTenantPlaces(): TenantPlaces {
  const places = new Map<string, Taken>();

  return {
    async take(tenant, place, signal) {
      signal.throwIfAborted();
      const key = `${place} ${tenant.tenantId}`;
      const taken = places.get(key) ?? { count: 0, most: 0, waiting: new Set() };
      places.set(key, taken);
      taken.most = limitOf(tenant, place);

      const letIn = (): void => {
        for (const begin of taken.waiting) {
          if (taken.count >= taken.most) break;
          taken.waiting.delete(begin);
          taken.count += 1;
          begin();
        }
      };
      const release = (): void => {
        taken.count -= 1;
        letIn();
        if (taken.count === 0 && taken.waiting.size === 0) places.delete(key);
      };

      // The limit may have been raised.
      letIn();
      if (taken.count < taken.most) {
        taken.count += 1;
        return release;
      }
      if (place === 'streams' || taken.waiting.size >= taken.most * waitingForEach) {
        throw refusal(tenant, place, taken.most);
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const leave = (): void => {
        taken.waiting.delete(resolve);
        reject(signal.reason as Error);
      };
      taken.waiting.add(resolve);
      signal.addEventListener('abort', leave, { once: true });
      try {
        await promise;
      } finally {
        signal.removeEventListener('abort', leave);
      }
      return release;
    },
  };
}

function refusal({ name }: Tenant, place: Place, most: number): DomainError {
  const description =
    place === 'streams'
      ? `${most} streams open at a time`
      : `${most} queries at a time, and ${most * waitingForEach} that wait`;
  return new DomainError(`The tenant may have ${description}.`, {
    kind: 'resource-exhausted',
    reason: `TENANT_${place.toUpperCase()}`,
    quotas: [{ subject: `tenant:${name}`, description }],
    retryAfterMs,
  });
}
