import { generateApiKey, scopes } from '@parley/access';
import type { Now } from '@parley/runtime';
import type { ApiKeyRecord, TenantRecord, TenantStore } from '../storage/tenant-store.ts';

export interface TenantDependencies {
  readonly tenants: TenantStore;
  readonly now: Now;
  /** Cryptographically random bytes. */
  readonly random: (size: number) => Uint8Array;
  readonly newId: () => string;
}

export interface CreatedTenant {
  readonly tenant: TenantRecord;
  /** The text of the first key, of all scopes; nobody can ever say it again. */
  readonly keyText: string;
  readonly key: ApiKeyRecord;
}

/**
 * Creates a tenant with a first key.
 * @throws DomainError `already-exists` (TENANT_EXISTS) when the name is taken.
 */
export async function createTenant(
  { tenants, now, random, newId }: TenantDependencies,
  {
    name,
    timeZone,
    currency,
  }: { readonly name: string; readonly timeZone: string; readonly currency: string },
): Promise<CreatedTenant> {
  const createdAt = now();
  const { text, keyId, secretHash } = generateApiKey(random);
  const key = { keyId, secretHash, displayName: 'first key', scopes, createdAt, expiresAt: undefined };
  const tenant = await tenants.createTenant({ tenantId: newId(), name, timeZone, currency, createdAt }, key);
  return { tenant, keyText: text, key: { ...key, revokedAt: undefined, lastUsedAt: undefined } };
}
