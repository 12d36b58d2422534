import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { ErrorInfoSchema, RetryInfoSchema } from '@parley/contracts/google/rpc/error_details';
import { expect, test } from 'vitest';
import { startRpcServer, callerOf, createHealthRegistry } from '../src/index.ts';
import { access, interaction, memoryLogger, openHttp2, resolver, routes, startServer } from './harness.ts';

/** The code and the reason with which a call with these headers ends; code 0 when it is answered. */
async function outcomeOf(baseUrl: string, headers: Readonly<Record<string, string>>, call = record) {
  const error = await call(baseUrl, headers).then(
    () => undefined,
    (reason: unknown) => ConnectError.from(reason),
  );
  return { code: error?.code ?? 0, reason: error?.findDetails(ErrorInfoSchema)[0]?.reason };
}

const record = async (baseUrl: string, headers: Readonly<Record<string, string>>): Promise<void> => {
  await createClient(IngestionService, createGrpcTransport({ baseUrl })).recordInteraction(interaction, {
    headers,
  });
};
const list = async (baseUrl: string, headers: Readonly<Record<string, string>>): Promise<void> => {
  const transport = createConnectTransport({ baseUrl, httpVersion: '1.1' });
  await createClient(EventLogService, transport).listPartitions({}, { headers });
};
const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

test.each([
  ['no credential', {}, Code.Unauthenticated, 'CREDENTIAL_MISSING'],
  ['another scheme', { authorization: 'Basic a2V5' }, Code.Unauthenticated, 'CREDENTIAL_MALFORMED'],
  ['an empty key', { authorization: 'Bearer ' }, Code.Unauthenticated, 'CREDENTIAL_MALFORMED'],
  ['an endless key', bearer('k'.repeat(1001)), Code.Unauthenticated, 'CREDENTIAL_MALFORMED'],
  ['an unknown key', bearer('nobody'), Code.Unauthenticated, 'INVALID_CREDENTIAL'],
  ['a key without the scope', bearer('key-read'), Code.PermissionDenied, 'SCOPE_MISSING'],
  ['a key with the scope', bearer('key-ingest'), 0, undefined],
  ['a key with the scope admin', bearer('key-admin'), 0, undefined],
  ["the operator's key without a tenant", bearer('operator'), Code.InvalidArgument, 'TENANT_NOT_NAMED'],
  ["the operator's key with a tenant", { ...bearer('operator'), 'parley-tenant': 'shop' }, 0, undefined],
  ["a service's credential", bearer('service'), Code.PermissionDenied, 'CALLER_NOT_ALLOWED'],
  ['a source that is down', bearer('unavailable'), Code.Unavailable, 'DOWN'],
])('a method for tenants, called with %s', async (_what, headers, code, reason) => {
  const { url } = await startServer();
  expect(await outcomeOf(url, { ...headers })).toEqual({ code, reason });
});

test('a method for services is closed to everybody else', async () => {
  const { url } = await startServer();
  const reasonOf = async (credential: string) => (await outcomeOf(url, bearer(credential), list)).reason;
  expect(await reasonOf('service')).toBe('UNIMPLEMENTED');
  expect(await reasonOf('operator')).toBe('CALLER_NOT_ALLOWED');
  expect(await reasonOf('key-admin')).toBe('CALLER_NOT_ALLOWED');
});

test('a method that the policy says nothing about keeps the server from starting', async () => {
  const options = { port: 0, routes, resolver, health: createHealthRegistry(), now: () => new Date() };
  await expect(
    startRpcServer({
      ...options,
      logger: memoryLogger([]),
      access: { [IngestionService.typeName]: access[IngestionService.typeName]! },
    }),
  ).rejects.toThrow('parley.ingestion.v1.EventLogService/Tail');
});

test('a refused call is answered before its body is read', async () => {
  const { url, bytesInFlight } = await startServer();
  const stream = openHttp2(url).request({
    ':method': 'POST',
    ':path': `/${IngestionService.typeName}/RecordInteraction`,
    'content-type': 'application/grpc',
  });
  stream.write(Buffer.alloc(20_000));
  const [headers] = await new Promise<[Record<string, unknown>]>((resolve) =>
    stream.once('response', (h) => resolve([{ ...h }])),
  );
  expect(headers[':status']).toBe(200);
  expect(bytesInFlight()).toBe(0);
});

test('an address that fails too often has to wait, but callers who were let in before go on', async () => {
  const known = new Map([['key-ingest', { kind: 'operator' as const }]]);
  const remembering = { ...resolver, known: (credential: string) => known.get(credential) };
  const { url } = await startServer({
    resolver: remembering,
    access: {
      ...access,
      [IngestionService.typeName]: { callers: ['tenant', 'operator'], tenant: 'optional' },
    },
    routes: (router) => void router.service(IngestionService, { recordInteraction: () => ({}) }),
  });
  const outcomes = await Promise.all(Array.from({ length: 25 }, () => outcomeOf(url, bearer('nobody'))));
  expect(outcomes.filter(({ code }) => code === Code.Unauthenticated).length).toBeGreaterThanOrEqual(20);
  const next = await record(url, bearer('nobody')).catch((error: unknown) => ConnectError.from(error));
  expect(next?.code).toBe(Code.ResourceExhausted);
  expect(next?.findDetails(RetryInfoSchema)).toHaveLength(1);
  expect((await outcomeOf(url, bearer('key-admin'))).code).toBe(Code.ResourceExhausted);
  expect((await outcomeOf(url, bearer('key-ingest'))).code).toBe(0);
});

test('a caller who calls too often is told when to come again, and others are not', async () => {
  const { url } = await startServer({ limits: { callsPerSecond: 1, callBurst: 3 } });
  for (let i = 0; i < 3; i++) await record(url, bearer('key-ingest'));
  expect(await outcomeOf(url, bearer('key-ingest'))).toEqual({
    code: Code.ResourceExhausted,
    reason: 'TOO_MANY_CALLS_PER_SECOND',
  });
  expect((await outcomeOf(url, bearer('key-other'))).code).toBe(0);
});

test('a caller gets half of the open calls at most', async () => {
  const { url } = await startServer({ limits: { maxCallsInFlight: 4 } });
  const client = createClient(IngestionService, createGrpcTransport({ baseUrl: url }));
  const stop = new AbortController();
  const waiting = { ...interaction, interaction: { ...interaction.interaction, botId: 'listening' } };
  const open = [1, 2].map(() =>
    client
      .recordInteraction(waiting, { headers: bearer('key-ingest'), signal: stop.signal })
      .catch(() => undefined),
  );
  await expect
    .poll(() => outcomeOf(url, bearer('key-ingest')))
    .toEqual({ code: Code.ResourceExhausted, reason: 'TOO_MANY_CALLS' });
  expect((await outcomeOf(url, bearer('key-other'))).code).toBe(0);
  stop.abort();
  await Promise.all(open);
  await expect.poll(async () => (await outcomeOf(url, bearer('key-ingest'))).code).toBe(0);
});

test('a caller is known to handlers and to the observer', async () => {
  const seen: string[] = [];
  const observer: Interceptor = (next) => async (request) => {
    seen.push(callerOf({ values: request.contextValues }).kind);
    return next(request);
  };
  const { url } = await startServer({ observer });
  await record(url, bearer('key-ingest'));
  expect(seen).toEqual(['tenant']);
});

test('scripts of allowed origins may call, others may not', async () => {
  const { url } = await startServer({ corsOrigins: ['https://console.example'] });
  const preflight = (origin: string) =>
    fetch(`${url}/${IngestionService.typeName}/RecordInteraction`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  const allowed = await preflight('https://console.example');
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://console.example');
  expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
  const call = await fetch(`${url}/${IngestionService.typeName}/RecordInteraction`, {
    method: 'POST',
    headers: {
      origin: 'https://console.example',
      'content-type': 'application/json',
      ...bearer('key-ingest'),
    },
    body: JSON.stringify(interaction),
  });
  expect(call.headers.get('access-control-allow-origin')).toBe('https://console.example');
  expect(call.headers.get('access-control-expose-headers')).toContain('x-request-id');
  expect(
    (await preflight('https://elsewhere.example')).headers.get('access-control-allow-origin'),
  ).toBeNull();
});
