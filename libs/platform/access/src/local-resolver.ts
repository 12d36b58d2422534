import { timingSafeEqual } from 'node:crypto';
import { DomainError } from '@parley/errors';
import { apiKeyPrefix, hashSecret, parseApiKey, verifySecret } from './api-key.ts';
import type { Caller, Scope, Tenant } from './caller.ts';
import type { CredentialResolver } from './credential-resolver.ts';

/** A key as it is stored, with its tenant. */
export interface StoredKey {
  readonly secretHash: Uint8Array;
  readonly scopes: readonly Scope[];
  /** From when on it is valid no more, which who remembers it must heed. */
  readonly expiresAt?: Date;
  readonly tenant: Tenant;
}

/** Where keys and tenants are kept: ingestion's database. */
export interface TenantDirectory {
  /** A key that may be used now; undefined when it is unknown, revoked or expired. */
  findKey(keyId: string, signal: AbortSignal): Promise<StoredKey | undefined>;
  findTenant(name: string, signal: AbortSignal): Promise<Tenant | undefined>;
}

/** How long an operator's key must be, in characters. It may be any text that is no tenant's key. */
export const operatorKeyMinLength = 32;

/** Resolves the operator's key and tenants' keys where the directory is at hand. */
export function createLocalResolver({
  operatorKey,
  directory,
}: {
  readonly operatorKey: string;
  readonly directory: TenantDirectory;
}): CredentialResolver {
  if (operatorKey.length < operatorKeyMinLength || operatorKey.startsWith(apiKeyPrefix)) {
    throw new Error(
      `The operator's key needs ${operatorKeyMinLength} characters and must not begin with ${apiKeyPrefix}.`,
    );
  }
  const operatorHash = hashSecret(operatorKey);

  async function operator(tenantName: string | undefined, signal: AbortSignal): Promise<Caller> {
    if (tenantName === undefined) {
      return { kind: 'operator' };
    }
    const tenant = await directory.findTenant(tenantName, signal);
    if (tenant === undefined) {
      throw new DomainError(`There is no tenant named ${JSON.stringify(tenantName)}.`, {
        kind: 'not-found',
        reason: 'TENANT_NOT_FOUND',
        facts: { tenant: tenantName },
      });
    }
    return { kind: 'operator', tenant };
  }

  return {
    async resolve(credential, tenantName, signal) {
      if (timingSafeEqual(hashSecret(credential), operatorHash)) {
        return operator(tenantName, signal);
      }
      const key = parseApiKey(credential);
      if (key === undefined) {
        return undefined;
      }
      const stored = await directory.findKey(key.keyId, signal);
      if (!verifySecret(key.secret, stored?.secretHash) || stored === undefined) {
        return undefined;
      }
      refuseTenantName(tenantName);
      const { tenant, scopes, expiresAt } = stored;
      return { kind: 'tenant', tenant, keyId: key.keyId, scopes, ...(expiresAt && { expiresAt }) };
    },
  };
}

/** @throws DomainError `permission-denied` when a caller that is not the operator named a tenant. */
export function refuseTenantName(tenantName: string | undefined): void {
  if (tenantName !== undefined) {
    throw new DomainError('Only the operator may name a tenant; this credential already says who calls.', {
      kind: 'permission-denied',
      reason: 'TENANT_HEADER_NOT_ALLOWED',
    });
  }
}
