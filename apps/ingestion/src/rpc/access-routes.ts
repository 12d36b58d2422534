import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { CredentialResolver, Tenant } from '@parley/access';
import { TenantIdentitySchema } from '@parley/contracts/parley/ingestion/v1/access_service';
import type { AccessService, TenantIdentity } from '@parley/contracts/parley/ingestion/v1/access_service';
import { toScope } from './tenant-routes.ts';

/** @param resolver remembers nobody, so that what it says is at most as old as the asking service's own memory. */
export function createAccessRoutes(resolver: CredentialResolver): ServiceImpl<typeof AccessService> {
  return {
    async resolveCredential({ credential, tenantName }, context) {
      const caller = await resolver.resolve(credential, tenantName || undefined, context.signal);
      switch (caller?.kind) {
        case 'tenant': {
          const { tenant, keyId, scopes, expiresAt } = caller;
          return {
            caller: {
              case: 'tenantCaller',
              value: {
                tenant: toIdentity(tenant),
                keyId,
                scopes: scopes.map(toScope),
                expiresAt: expiresAt && timestampFromDate(expiresAt),
              },
            },
          };
        }
        case 'operator':
          return {
            caller: { case: 'operatorCaller', value: { tenant: caller.tenant && toIdentity(caller.tenant) } },
          };
        // Services know each other by the secret that they share.
        case 'service':
        case undefined:
          return {};
      }
    },
  };
}

function toIdentity({ tenantId, name, partition, timeZone, currency, limits }: Tenant): TenantIdentity {
  return create(TenantIdentitySchema, {
    tenantId,
    name,
    partition,
    timeZone,
    currencyCode: currency,
    streams: limits?.streams ?? 0,
    queries: limits?.queries ?? 0,
  });
}
