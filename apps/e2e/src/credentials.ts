import { createClient } from '@connectrpc/connect';
import { serviceCredential } from '@parley/access';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { createTransportTo } from '@parley/rpc';
import { tenantScopes, type Admission, type ServedMethod, type TenantScope } from './served-methods.ts';
import type { StandaloneProcess } from './standalone-process.ts';

/** A tenant with a key of each scope, and one that was revoked. */
export interface TenantKeys {
  readonly name: string;
  readonly keys: Readonly<Record<TenantScope, string>>;
  readonly revoked: string;
}

const scopes: Readonly<Record<TenantScope, Scope>> = {
  ingest: Scope.INGEST,
  read: Scope.READ,
  experiment: Scope.EXPERIMENT,
  admin: Scope.ADMIN,
};

export async function createTenant(
  { url, operatorKey }: Pick<StandaloneProcess, 'url' | 'operatorKey'>,
  name: string,
): Promise<TenantKeys> {
  const operator = createTransportTo({ baseUrl: url, credential: operatorKey });
  const acting = createTransportTo({ baseUrl: url, credential: operatorKey, tenant: name });
  try {
    await createClient(TenantService, operator).createTenant({ name });
    const tenants = createClient(TenantService, acting);
    const keys = {} as Record<TenantScope, string>;
    for (const scope of tenantScopes) {
      keys[scope] = (await tenants.createApiKey({ displayName: scope, scopes: [scopes[scope]] })).key;
    }
    const { key: revoked, apiKey } = await tenants.createApiKey({
      displayName: 'revoked',
      scopes: Object.values(scopes),
    });
    await tenants.revokeApiKey({ keyId: apiKey?.keyId ?? '' });
    return { name, keys, revoked };
  } finally {
    operator.close();
    acting.close();
  }
}

/** Headers with which a method's message is read. */
export function admittedHeaders(
  { admission }: Pick<ServedMethod, 'admission'>,
  { operatorKey, serviceSecret }: Pick<StandaloneProcess, 'operatorKey' | 'serviceSecret'>,
  tenant: TenantKeys,
): Record<string, string> {
  if (admission === 'anybody') return {};
  if (admission === 'operator-for-tenant') return { ...bearer(operatorKey), 'parley-tenant': tenant.name };
  return bearer(credentialFor(admission, operatorKey, serviceSecret, tenant));
}

function credentialFor(
  admission: Exclude<Admission, 'anybody' | 'operator-for-tenant'>,
  operatorKey: string,
  serviceSecret: string,
  { keys }: TenantKeys,
): string {
  switch (admission) {
    case 'operator':
      return operatorKey;
    case 'services':
      return serviceCredential(serviceSecret, 'metrics');
    case 'any-key':
      return keys.read;
    case 'ingest':
    case 'read':
    case 'experiment':
    case 'admin':
      return keys[admission];
  }
}

export function bearer(credential: string): Record<string, string> {
  return { authorization: `Bearer ${credential}` };
}
