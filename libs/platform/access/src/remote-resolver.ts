import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Client } from '@connectrpc/connect';
import {
  Scope as ScopeMessage,
  type AccessService,
  type ResolveCredentialResponse,
  type TenantIdentity,
} from '@parley/contracts/parley/ingestion/v1/access_service';
import { DomainError } from '@parley/errors';
import { apiKeyPrefix, parseApiKey } from './api-key.ts';
import type { Caller, Scope, Tenant } from './caller.ts';
import type { CredentialResolver } from './credential-resolver.ts';

/** Resolves by asking ingestion; a key that can't be one is refused without asking. */
export function createRemoteResolver(client: Client<typeof AccessService>): CredentialResolver {
  return {
    async resolve(credential, tenantName, signal) {
      if (credential.startsWith(apiKeyPrefix) && parseApiKey(credential) === undefined) {
        return undefined;
      }
      try {
        return toCaller(
          await client.resolveCredential({ credential, tenantName: tenantName ?? '' }, { signal }),
        );
      } catch (error) {
        throw toDomainError(ConnectError.from(error), tenantName !== undefined);
      }
    },
  };
}

/** What was decided about a named tenant is passed on; all else means that it could not be found out. */
function toDomainError(error: ConnectError, isTenantNamed: boolean): DomainError {
  switch (isTenantNamed ? error.code : undefined) {
    case Code.NotFound:
      return new DomainError(error.rawMessage, {
        kind: 'not-found',
        reason: 'TENANT_NOT_FOUND',
        cause: error,
      });
    case Code.PermissionDenied:
      return new DomainError(error.rawMessage, {
        kind: 'permission-denied',
        reason: 'TENANT_HEADER_NOT_ALLOWED',
        cause: error,
      });
    default:
      return new DomainError('Credentials can not be checked at the moment.', {
        kind: 'unavailable',
        reason: 'CREDENTIALS_UNAVAILABLE',
        retryAfterMs: 1000,
        cause: error,
      });
  }
}

function toCaller({ caller }: ResolveCredentialResponse): Caller | undefined {
  switch (caller.case) {
    case undefined:
      return undefined;
    case 'operatorCaller': {
      const { tenant } = caller.value;
      return tenant === undefined ? { kind: 'operator' } : { kind: 'operator', tenant: toTenant(tenant) };
    }
    case 'tenantCaller': {
      const { tenant, keyId, scopes, expiresAt } = caller.value;
      if (tenant === undefined) {
        throw new Error('AccessService named a caller without a tenant.');
      }
      return {
        kind: 'tenant',
        tenant: toTenant(tenant),
        keyId,
        scopes: scopes.flatMap((scope) => toScope(scope) ?? []),
        ...(expiresAt && { expiresAt: timestampDate(expiresAt) }),
      };
    }
  }
}

function toTenant(identity: TenantIdentity): Tenant {
  const { tenantId, name, partition, timeZone, currencyCode, streams, queries } = identity;
  const limits = { ...(streams > 0 && { streams }), ...(queries > 0 && { queries }) };
  return {
    tenantId,
    name,
    partition,
    timeZone,
    currency: currencyCode,
    ...((streams > 0 || queries > 0) && { limits }),
  };
}

/** Undefined for a scope that a newer ingestion knows: it opens nothing here. */
function toScope(scope: ScopeMessage): Scope | undefined {
  switch (scope) {
    case ScopeMessage.INGEST:
      return 'ingest';
    case ScopeMessage.READ:
      return 'read';
    case ScopeMessage.EXPERIMENT:
      return 'experiment';
    case ScopeMessage.ADMIN:
      return 'admin';
    default:
      return undefined;
  }
}
