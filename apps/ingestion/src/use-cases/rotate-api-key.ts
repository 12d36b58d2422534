import { generateApiKey } from '@parley/access';
import type { Tenant } from '@parley/access';
import type { ApiKeyRecord } from '../storage/tenant-store.ts';
import type { TenantDependencies } from './create-tenant.ts';

const dayMs = 24 * 3_600_000;

export interface RotatedKey {
  /** The text of the new key; nobody can ever say it again. */
  readonly keyText: string;
  readonly key: ApiKeyRecord;
  /** The old key, which ends after the overlap. */
  readonly replaced: ApiKeyRecord;
}

/**
 * Replaces a key by a new one of the same scopes and name; both are valid for `overlapMs`, a day unless told.
 * @throws DomainError as `TenantStore.replaceKey`.
 */
export async function rotateApiKey(
  { tenants, now, random }: TenantDependencies,
  tenant: Tenant,
  keyId: string,
  overlapMs = dayMs,
): Promise<RotatedKey> {
  const createdAt = now();
  const { text, ...made } = generateApiKey(random);
  const oldEndsAt = new Date(createdAt.getTime() + overlapMs);
  const { created, replaced } = await tenants.replaceKey(tenant, keyId, { ...made, createdAt }, oldEndsAt);
  return { keyText: text, key: created, replaced };
}
