import { limitOf } from '@parley/access';
import type { Tenant, TenantLimits } from '@parley/access';
import { DomainError } from '@parley/errors';

/** What is counted of what a tenant sends. */
export type Metered = 'calls' | 'events' | 'bytes';

/** What tenants may send, counted in this process. */
export interface TenantQuota {
  /** @throws DomainError `resource-exhausted` with the time to wait while more was spent than the tenant may. */
  require(tenant: Tenant, what: Metered): void;
  /** Spends so much, which may be more than is left: what is beyond is waited for before the next time. */
  spend(tenant: Tenant, what: Metered, amount: number): void;
}

/** A rate holds on average over so many seconds: so much may come at once. */
const averagedOverSeconds = 10;
/** More than the tenants that send within ten seconds; the one that sent longest ago starts afresh. */
const maxBuckets = 30_000;

const limitNames: Readonly<Record<Metered, keyof TenantLimits>> = {
  calls: 'callsPerSecond',
  events: 'eventsPerSecond',
  bytes: 'bytesPerSecond',
};

/**
 * A token bucket for each tenant and thing. A call goes through while its bucket is not used up and may overdraw it, so
 * that a batch larger than ten seconds' worth is let in at times rather than never. `clockMs` must not run backwards.
 */
export function createTenantQuota(clockMs: () => number): TenantQuota {
  const buckets = new Map<string, { readonly spent: number; readonly at: number }>();

  function spentNow(key: string, perSecond: number): number {
    const before = buckets.get(key);
    return before === undefined
      ? 0
      : Math.max(0, before.spent - ((clockMs() - before.at) / 1000) * perSecond);
  }

  return {
    require(tenant, what) {
      const { tenantId, name } = tenant;
      const perSecond = limitOf(tenant, limitNames[what]);
      const beyond = spentNow(`${what} ${tenantId}`, perSecond) - perSecond * averagedOverSeconds;
      // Less than a whole one left: another would be beyond the rate.
      if (beyond + 1 <= 0) return;
      const description = `${perSecond} ${what} a second, averaged over ${averagedOverSeconds} seconds`;
      throw new DomainError(`The tenant may send ${description}.`, {
        kind: 'resource-exhausted',
        reason: `TENANT_${what.toUpperCase()}_PER_SECOND`,
        quotas: [{ subject: `tenant:${name}`, description }],
        retryAfterMs: Math.max(1, Math.ceil(((beyond + 1) / perSecond) * 1000)),
      });
    },
    spend(tenant, what, amount) {
      const perSecond = limitOf(tenant, limitNames[what]);
      const key = `${what} ${tenant.tenantId}`;
      const spent = spentNow(key, perSecond) + amount;
      buckets.delete(key);
      buckets.set(key, { spent, at: clockMs() });
      const oldest = buckets.size > maxBuckets ? buckets.keys().next().value : undefined;
      if (oldest !== undefined) buckets.delete(oldest);
    },
  };
}
