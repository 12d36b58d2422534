import { generateApiKey } from '@parley/access';
import type { Scope, Tenant } from '@parley/access';
import { invalidArgument } from '@parley/errors';
import type { ApiKeyRecord } from '../storage/tenant-store.ts';
import type { TenantDependencies } from './create-tenant.ts';

/**
 * Creates a key of a tenant. Its text is in this answer alone.
 * @throws DomainError `invalid-argument` when it would be expired already.
 */
export async function createApiKey(
  { tenants, now, random }: TenantDependencies,
  tenant: Tenant,
  {
    displayName,
    scopes,
    expiresAt,
  }: {
    readonly displayName: string;
    readonly scopes: readonly Scope[];
    readonly expiresAt: Date | undefined;
  },
): Promise<{ readonly keyText: string; readonly key: ApiKeyRecord }> {
  const createdAt = now();
  if (expiresAt !== undefined && expiresAt <= createdAt) {
    throw invalidArgument([{ field: 'expires_at', description: 'must be in the future', reason: 'EXPIRED' }]);
  }
  const { text, keyId, secretHash } = generateApiKey(random);
  const made = { keyId, secretHash, displayName, scopes, createdAt, expiresAt };
  const key = await tenants.createKey(tenant, made);
  return { keyText: text, key };
}
