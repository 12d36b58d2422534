import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { operatorKey, startService } from './service-fixture.ts';

const cluster = await testCluster();
const shared = await startService(cluster, { atEnd: afterAll });

test('a tenant is created once, with a key of all scopes that works at once', async () => {
  const { operator, as } = shared;
  const { tenant, key, apiKey } = await operator.tenants.createTenant({
    name: 'created-once',
    timeZone: 'america/new_york',
    currencyCode: 'EUR',
  });
  expect(tenant).toMatchObject({ name: 'created-once', timeZone: 'America/New_York', currencyCode: 'EUR' });
  expect(apiKey?.scopes).toEqual([Scope.INGEST, Scope.READ, Scope.EXPERIMENT, Scope.ADMIN]);
  expect(await as(key).tenants.getTenant({})).toMatchObject({
    tenant: { tenantId: tenant?.tenantId, name: 'created-once' },
  });
  expect(await refusalOf(operator.tenants.createTenant({ name: 'created-once' }))).toMatchObject({
    code: 'AlreadyExists',
    reason: 'TENANT_EXISTS',
  });
});

test.each([
  [{ name: 'Acme' }, 'name'],
  [{ name: '' }, 'name'],
  [{ name: '-acme' }, 'name'],
  [{ name: 'a'.repeat(64) }, 'name'],
  [{ name: 'acme\n' }, 'name'],
  [{ name: 'acme', timeZone: 'Europe/Berlinn' }, 'time_zone'],
  [{ name: 'acme', timeZone: '+05:45' }, 'time_zone'],
  [{ name: 'acme', currencyCode: 'XYZ' }, 'currency_code'],
  [{ name: 'acme', currencyCode: 'usd' }, 'currency_code'],
])('a tenant like %j is refused for its %s', async (request, field) => {
  const { operator } = shared;
  expect(await refusalOf(operator.tenants.createTenant(request))).toMatchObject({
    code: 'InvalidArgument',
    fields: [field],
  });
});

test('tenants are spread evenly over the partitions', async () => {
  const { tenant, operator } = await startService(cluster);
  for (let count = 0; count < 16; count += 1) await tenant();
  const { tenants } = await operator.tenants.listTenants({});
  const counts = new Map<number, number>();
  for (const { partition } of tenants) counts.set(partition, (counts.get(partition) ?? 0) + 1);
  expect([...counts.values()]).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
});

test('tenants and keys are listed page by page, each once', async () => {
  const { tenant, operator } = await startService(cluster);
  const names = ['e', 'b', 'a', 'd', 'c'];
  for (const name of names) await tenant(name);
  const first = await operator.tenants.listTenants({ pageSize: 2 });
  const second = await operator.tenants.listTenants({ pageSize: 2, pageToken: first.nextPageToken });
  const third = await operator.tenants.listTenants({ pageSize: 2, pageToken: second.nextPageToken });
  expect([first, second, third].map(({ tenants }) => tenants.map(({ name }) => name))).toEqual([
    ['a', 'b'],
    ['c', 'd'],
    ['e'],
  ]);
  expect(third.nextPageToken).toBe('');

  const acme = await tenant('acme');
  for (const displayName of ['one', 'two']) {
    await acme.clients.tenants.createApiKey({ displayName, scopes: [Scope.READ] });
  }
  const keys = await acme.clients.tenants.listApiKeys({ pageSize: 2 });
  const rest = await acme.clients.tenants.listApiKeys({ pageSize: 2, pageToken: keys.nextPageToken });
  expect([...keys.apiKeys, ...rest.apiKeys].map(({ displayName }) => displayName)).toEqual([
    'two',
    'one',
    'first key',
  ]);
  expect(await refusalOf(operator.tenants.listTenants({ pageToken: keys.nextPageToken }))).toMatchObject({
    code: 'InvalidArgument',
    fields: ['page_token'],
  });
});

test('a tenant is changed where its mask says, and nowhere else', async () => {
  const { tenant } = shared;
  const { clients } = await tenant();
  const changed = await clients.tenants.updateTenant({
    tenant: { timeZone: 'Asia/Kathmandu', currencyCode: 'JPY' },
    updateMask: { paths: ['time_zone'] },
  });
  expect(changed.tenant).toMatchObject({ timeZone: 'Asia/Kathmandu', currencyCode: 'USD' });
  expect((await clients.tenants.updateTenant({ tenant: { currencyCode: 'JPY' } })).tenant).toMatchObject({
    timeZone: 'Asia/Kathmandu',
    currencyCode: 'JPY',
  });
  expect(
    await refusalOf(
      clients.tenants.updateTenant({ tenant: { name: 'other' }, updateMask: { paths: ['name'] } }),
    ),
  ).toMatchObject({ code: 'InvalidArgument', fields: ['update_mask'] });
  expect(await refusalOf(clients.tenants.updateTenant({ tenant: { timeZone: 'Mars' } }))).toMatchObject({
    code: 'InvalidArgument',
    fields: ['tenant.time_zone'],
  });
});

test('a revoked key is refused by the next call, and revoking it again changes nothing', async () => {
  const { tenant, as } = shared;
  const { clients } = await tenant();
  const { key, apiKey } = await clients.tenants.createApiKey({ scopes: [Scope.ADMIN] });
  const holder = as(key);
  await holder.tenants.getTenant({});
  const revoked = await clients.tenants.revokeApiKey({ keyId: apiKey?.keyId ?? '' });
  expect(revoked.apiKey?.revokedAt).toBeDefined();
  await expect(holder.tenants.getTenant({})).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect((await clients.tenants.revokeApiKey({ keyId: apiKey?.keyId ?? '' })).apiKey).toEqual(revoked.apiKey);
  expect(await refusalOf(clients.tenants.revokeApiKey({ keyId: 'nokey' }))).toMatchObject({
    code: 'NotFound',
    reason: 'KEY_NOT_FOUND',
  });
});

test('a key that expires is told so everywhere, and is unknown from then on, also to who remembered it', async () => {
  let ms = Date.UTC(2026, 5, 1);
  const { tenant, as, service } = await startService(cluster, { now: () => new Date(ms) });
  const { clients } = await tenant();
  const expiresAt = timestampFromDate(new Date(ms + 2000));
  const { key, apiKey } = await clients.tenants.createApiKey({ scopes: [Scope.READ], expiresAt });
  expect(apiKey?.expiresAt).toEqual(expiresAt);
  // Both keys were created at one time, so which one is listed first says nothing.
  const { apiKeys } = await clients.tenants.listApiKeys({});
  expect(apiKeys.find(({ keyId }) => keyId === apiKey?.keyId)?.expiresAt).toEqual(expiresAt);
  await as(key).tenants.getTenant({});
  const resolved = await service.access.resolveCredential({ credential: key });
  expect(resolved.caller).toMatchObject({ case: 'tenantCaller', value: { expiresAt } });

  ms += 2000;
  expect(await refusalOf(as(key).tenants.getTenant({}))).toMatchObject({ reason: 'INVALID_CREDENTIAL' });
  expect((await service.access.resolveCredential({ credential: key })).caller.case).toBeUndefined();
  const past = clients.tenants.createApiKey({ scopes: [Scope.READ], expiresAt });
  expect(await refusalOf(past)).toMatchObject({ code: 'InvalidArgument', fields: ['expires_at'] });
});

test('a key is replaced by one of the same name and scopes; the old one ends after the overlap', async () => {
  let ms = Date.UTC(2026, 5, 1);
  const { tenant, as } = await startService(cluster, { now: () => new Date(ms) });
  const { clients } = await tenant();
  const old = await clients.tenants.createApiKey({ displayName: 'shop', scopes: [Scope.READ, Scope.INGEST] });
  const keyId = old.apiKey?.keyId ?? '';
  const fresh = await clients.tenants.rotateApiKey({ keyId, overlapSeconds: 60n });
  expect(fresh.apiKey).toMatchObject({ displayName: 'shop', scopes: [Scope.READ, Scope.INGEST] });
  expect(fresh.apiKey?.expiresAt).toBeUndefined();
  expect(fresh.replacedApiKey).toMatchObject({ keyId, expiresAt: timestampFromDate(new Date(ms + 60_000)) });
  await as(old.key).tenants.getTenant({});

  // A second rotation never gives the old key more time.
  const again = await clients.tenants.rotateApiKey({ keyId });
  expect(again.replacedApiKey?.expiresAt).toEqual(fresh.replacedApiKey?.expiresAt);
  ms += 60_000;
  await as(fresh.key).tenants.getTenant({});
  expect(await refusalOf(as(old.key).tenants.getTenant({}))).toMatchObject({ reason: 'INVALID_CREDENTIAL' });
  expect(await refusalOf(clients.tenants.rotateApiKey({ keyId }))).toMatchObject({
    code: 'FailedPrecondition',
    reason: 'KEY_NOT_VALID',
  });

  const { key, replacedApiKey } = await clients.tenants.rotateApiKey({
    keyId: fresh.apiKey?.keyId ?? '',
    overlapSeconds: 0n,
  });
  expect(replacedApiKey?.expiresAt).toEqual(timestampFromDate(new Date(ms)));
  await as(key).tenants.getTenant({});
  expect(await refusalOf(as(fresh.key).tenants.getTenant({}))).toMatchObject({ code: 'Unauthenticated' });
  const stranger = await tenant();
  const foreign = stranger.clients.tenants.rotateApiKey({ keyId: again.apiKey?.keyId ?? '' });
  expect(await refusalOf(foreign)).toMatchObject({ code: 'NotFound', reason: 'KEY_NOT_FOUND' });
});

test("the last use of a key is told after it has been noted, and no tenant sees another's keys", async () => {
  const { tenant, admin, close } = await startService(cluster);
  const [one, other] = [await tenant('one'), await tenant('other')];
  await one.clients.tenants.getTenant({});
  const keys = await other.clients.tenants.listApiKeys({});
  expect(keys.apiKeys).toHaveLength(1);
  const foreign = await refusalOf(one.clients.tenants.revokeApiKey({ keyId: keys.apiKeys[0]?.keyId ?? '' }));
  expect(foreign).toMatchObject({ code: 'NotFound', reason: 'KEY_NOT_FOUND' });
  await close();
  const { rows } = await admin.query<{ name: string; used: boolean }>(
    `select t.name, k.last_used_at is not null as used from api_keys k join tenants t using (partition, tenant_id) order by 1`,
  );
  expect(rows).toEqual([
    { name: 'one', used: true },
    { name: 'other', used: true },
  ]);
});

test("other services learn whose a credential is, the operator's tenant included", async () => {
  const { tenant, service, operator, as } = shared;
  const { tenant: acme, key } = await tenant('acme');
  const resolve = (credential: string, tenantName = '') =>
    service.access.resolveCredential({ credential, tenantName });
  const identity = {
    tenantId: acme.tenantId,
    name: 'acme',
    partition: acme.partition,
    timeZone: 'UTC',
    currencyCode: 'USD',
  };
  expect((await resolve(key)).caller).toMatchObject({ case: 'tenantCaller', value: { tenant: identity } });
  expect((await resolve(operatorKey, 'acme')).caller).toMatchObject({
    case: 'operatorCaller',
    value: { tenant: identity },
  });
  expect((await resolve('nobody')).caller.case).toBeUndefined();
  expect((await resolve(`${key}0`)).caller.case).toBeUndefined();
  expect(await refusalOf(resolve(key, 'acme'))).toMatchObject({ code: 'PermissionDenied' });
  expect(await refusalOf(resolve(operatorKey, 'nobody'))).toMatchObject({
    code: 'NotFound',
    reason: 'TENANT_NOT_FOUND',
  });
  for (const stranger of [operator, as(key)]) {
    expect(await refusalOf(stranger.access.resolveCredential({ credential: key }))).toMatchObject({
      code: 'PermissionDenied',
    });
  }
});
