import { generateApiKey } from '@parley/access';
import type { Scope, Tenant } from '@parley/access';
import type { ApiKeyRecord } from '../storage/tenant-store.ts';
import type { TenantDependencies } from './create-tenant.ts';

/** Creates a key of a tenant. Its text is in this answer alone. */
export async function createApiKey(
  { tenants, now, random }: TenantDependencies,
  tenant: Tenant,
  { displayName, scopes }: { readonly displayName: string; readonly scopes: readonly Scope[] },
): Promise<{ readonly keyText: string; readonly key: ApiKeyRecord }> {
  const { text, keyId, secretHash } = generateApiKey(random);
  const key = await tenants.createKey(tenant, { keyId, secretHash, displayName, scopes, createdAt: now() });
  return { keyText: text, key };
}
