import { connect } from 'node:http2';
import type { DescMethod } from '@bufbuild/protobuf';
import { serviceCredential } from '@parley/access';
import { AccessService, Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { CollectionService } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { ErasureService } from '@parley/contracts/parley/ingestion/v1/erasure_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { LanguageService } from '@parley/contracts/parley/ingestion/v1/language_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { operatorKey, serviceSecret, startService } from './service-fixture.ts';

const cluster = await testCluster();
// A minute from call to call, so that one address may fail as often as this takes.
let minutes = 0;
const edgeNow = () => new Date(Date.UTC(2026, 0, 1) + ++minutes * 60_000);
const { tenant, url } = await startService(cluster, { edgeNow, atEnd: afterAll });

/** The code of a call with an empty message; `ok` when it was let in, whatever the answer to the message was. */
async function call(method: DescMethod, headers: Record<string, string>): Promise<string> {
  const path = `/${method.parent.typeName}/${method.name}`;
  if (method.methodKind === 'bidi_streaming') return callOverHttp2(path, headers);
  const isStream = method.methodKind !== 'unary';
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': isStream ? 'application/connect+json' : 'application/json', ...headers },
    body: isStream ? emptyEnvelope : '{}',
    signal: AbortSignal.timeout(5_000),
  });
  if (!isStream) {
    const body: unknown = await response.json();
    return response.ok ? 'ok' : String(Reflect.get(Object(body), 'code'));
  }
  // The first message, or the end of the stream with its error.
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  await reader?.cancel();
  return codeIn(value);
}

/** For streams in both directions, which HTTP/1.1 can't carry. */
async function callOverHttp2(path: string, headers: Record<string, string>): Promise<string> {
  const session = connect(url);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/connect+json',
      ...headers,
    });
    stream.setTimeout(5_000, () => stream.destroy(new Error('No answer.')));
    stream.end(emptyEnvelope);
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk as Uint8Array);
    return codeIn(Buffer.concat(chunks));
  } finally {
    session.destroy();
  }
}

const emptyEnvelope = Buffer.concat([Uint8Array.of(0, 0, 0, 0, 2), Buffer.from('{}')]);

function codeIn(bytes: Uint8Array | undefined): string {
  return /"code":"(\w+)"/.exec(Buffer.from(bytes ?? []).toString())?.[1] ?? 'ok';
}

type Access = 'ingest' | 'read' | 'admin' | 'any key' | 'operator' | 'operator for a tenant' | 'service';
const accessOf = (method: DescMethod): Access => {
  switch (method.parent) {
    case IngestionService:
      return ['GetInteraction', 'ListInteractions'].includes(method.name) ? 'read' : 'ingest';
    case TenantService:
      if (method.name === 'GetTenant') return 'any key';
      if (method.name === 'UpdateTenantLimits') return 'operator for a tenant';
      return ['CreateTenant', 'ListTenants'].includes(method.name) ? 'operator' : 'admin';
    case PrivacyService:
      return method.name === 'SetConsent' ? 'ingest' : 'admin';
    case QuarantineService:
      return 'admin';
    case CollectionService:
      return 'read';
    case LanguageService:
      return ['TrainIntents', 'ActivateIntentModel', 'UpdateLanguageSettings'].includes(method.name)
        ? 'admin'
        : 'read';
    default:
      return 'service';
  }
};
const methods = [
  IngestionService,
  TenantService,
  PrivacyService,
  QuarantineService,
  CollectionService,
  LanguageService,
  ErasureService,
  AccessService,
  EventLogService,
].flatMap(({ methods }) =>
  methods.map((method) => ({ name: `${method.parent.name}/${method.name}`, method })),
);

const own = await tenant('own');
const keyOf = async (...scopes: Scope[]) => (await own.clients.tenants.createApiKey({ scopes })).key;
const keys = {
  ingest: await keyOf(Scope.INGEST),
  read: await keyOf(Scope.READ),
  experiment: await keyOf(Scope.EXPERIMENT),
};
const revoked = await own.clients.tenants.createApiKey({ scopes: [Scope.ADMIN, Scope.INGEST, Scope.READ] });
await own.clients.tenants.revokeApiKey({ keyId: revoked.apiKey?.keyId ?? '' });

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const letIn = expect.not.stringMatching(/^(unauthenticated|permission_denied|internal|unknown)$/);

test.each(methods)('$name is for those alone whom its contract names', async ({ method }) => {
  const access = accessOf(method);
  const answers = {
    'no key': await call(method, {}),
    'not a key': await call(method, { authorization: 'Basic b3duOm93bg==' }),
    'wrong key': await call(method, bearer(`${own.key.slice(0, -9)}00000000`)),
    'revoked key': await call(method, bearer(revoked.key)),
    "another tenant named with one's own key": await call(method, {
      ...bearer(own.key),
      'parley-tenant': 'own',
    }),
    'scope ingest': await call(method, bearer(keys.ingest)),
    'scope read': await call(method, bearer(keys.read)),
    'scope experiment': await call(method, bearer(keys.experiment)),
    'all scopes': await call(method, bearer(own.key)),
    operator: await call(method, bearer(operatorKey)),
    'operator for a tenant': await call(method, { ...bearer(operatorKey), 'parley-tenant': 'own' }),
    'operator for nobody': await call(method, { ...bearer(operatorKey), 'parley-tenant': 'nobody' }),
    service: await call(method, bearer(serviceCredential(serviceSecret, 'metrics'))),
    'a service with another secret': await call(
      method,
      bearer(serviceCredential('another secret than theirs', 'metrics')),
    ),
  };
  const denied = 'permission_denied';
  const isOperators = access === 'operator' || access === 'operator for a tenant';
  const isOfTenant = !isOperators && access !== 'service';
  const isForTenant = isOfTenant || access === 'operator for a tenant';
  expect(answers).toEqual({
    'no key': 'unauthenticated',
    'not a key': 'unauthenticated',
    'wrong key': 'unauthenticated',
    'revoked key': 'unauthenticated',
    "another tenant named with one's own key": denied,
    'scope ingest': access === 'ingest' || access === 'any key' ? letIn : denied,
    'scope read': access === 'read' || access === 'any key' ? letIn : denied,
    'scope experiment': access === 'any key' ? letIn : denied,
    'all scopes': isOfTenant ? letIn : denied,
    operator: access === 'operator' ? letIn : access === 'service' ? denied : 'invalid_argument',
    'operator for a tenant': isForTenant ? letIn : access === 'service' ? denied : 'invalid_argument',
    'operator for nobody': 'not_found',
    service: access === 'service' ? letIn : denied,
    'a service with another secret': 'unauthenticated',
  });
});
