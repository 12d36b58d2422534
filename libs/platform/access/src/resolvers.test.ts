import { randomBytes } from 'node:crypto';
import { DomainError } from '@parley/errors';
import { expect, test } from 'vitest';
import { generateApiKey } from './api-key.ts';
import { cacheResolver } from './cached-resolver.ts';
import type { Tenant } from './caller.ts';
import { createLocalResolver, type StoredKey, type TenantDirectory } from './local-resolver.ts';
import { acceptServices, serviceCredential } from './service-credential.ts';

const operatorKey = 'operator key of at least 32 characters';
const shop: Tenant = { tenantId: 't-1', name: 'shop', partition: 3, timeZone: 'UTC', currency: 'USD' };
const never = new AbortController().signal;

/** A directory in memory that counts how often it is asked. */
function directoryOf(keys: Map<string, StoredKey>) {
  const asked: string[] = [];
  const directory: TenantDirectory = {
    async findKey(keyId) {
      asked.push(keyId);
      return keys.get(keyId);
    },
    async findTenant(name) {
      return name === shop.name ? shop : undefined;
    },
  };
  return { directory, asked };
}

function oneKey() {
  const key = generateApiKey(randomBytes);
  const keys = new Map<string, StoredKey>([
    [key.keyId, { secretHash: key.secretHash, scopes: ['ingest'], tenant: shop }],
  ]);
  return { key, keys, ...directoryOf(keys) };
}

test("a tenant's key resolves to its tenant and scopes; a wrong or unknown one to nobody", async () => {
  const { key, keys, directory, asked } = oneKey();
  const resolver = createLocalResolver({ operatorKey, directory });
  expect(await resolver.resolve(key.text, undefined, never)).toEqual({
    kind: 'tenant',
    tenant: shop,
    keyId: key.keyId,
    scopes: ['ingest'],
  });
  keys.clear();
  expect(await resolver.resolve(key.text, undefined, never)).toBeUndefined();
  expect(asked).toHaveLength(2);
  expect(await resolver.resolve(`${key.text}0`, undefined, never)).toBeUndefined();
  expect(await resolver.resolve('', undefined, never)).toBeUndefined();
  expect(asked).toHaveLength(2);
});

test('the operator names a tenant; nobody else may', async () => {
  const { key, directory } = oneKey();
  const resolver = acceptServices('s'.repeat(32), createLocalResolver({ operatorKey, directory }));
  expect(await resolver.resolve(operatorKey, undefined, never)).toEqual({ kind: 'operator' });
  expect(await resolver.resolve(operatorKey, 'shop', never)).toEqual({ kind: 'operator', tenant: shop });
  await expect(resolver.resolve(operatorKey, 'nobody', never)).rejects.toMatchObject({ kind: 'not-found' });
  await expect(resolver.resolve(key.text, 'shop', never)).rejects.toMatchObject({
    kind: 'permission-denied',
  });
  const service = serviceCredential('s'.repeat(32), 'metrics');
  await expect(resolver.resolve(service, 'shop', never)).rejects.toMatchObject({ kind: 'permission-denied' });
});

test("a service's credential is accepted by whoever shares the secret, for that name alone", async () => {
  const resolver = acceptServices(
    's'.repeat(32),
    createLocalResolver({ operatorKey, directory: oneKey().directory }),
  );
  const credential = serviceCredential('s'.repeat(32), 'metrics');
  expect(await resolver.resolve(credential, undefined, never)).toEqual({ kind: 'service', name: 'metrics' });
  expect(credential).not.toContain('s'.repeat(32));
  for (const wrong of [
    credential.replace('metrics', 'optimizer'),
    serviceCredential('t'.repeat(32), 'metrics'),
    credential.slice(0, -1),
  ]) {
    expect(await resolver.resolve(wrong, undefined, never)).toBeUndefined();
  }
});

test('a weak operator key is refused at start', () => {
  const { directory } = oneKey();
  expect(() => createLocalResolver({ operatorKey: 'short', directory })).toThrow('32 characters');
});

function cachedAt(
  start: number,
  options: { readonly maxEntries?: number; readonly lookUpWithinMs?: number } = {},
) {
  let ms = start;
  const made = oneKey();
  const resolver = cacheResolver(createLocalResolver({ operatorKey, directory: made.directory }), {
    now: () => new Date(ms),
    ...options,
  });
  return { ...made, resolver, pass: (more: number) => (ms += more) };
}

test('a caller is remembered for five seconds, so a revoked key is refused after that', async () => {
  const { key, keys, asked, resolver, pass } = cachedAt(0);
  await resolver.resolve(key.text, undefined, never);
  keys.clear();
  pass(4999);
  expect(await resolver.resolve(key.text, undefined, never)).toMatchObject({ kind: 'tenant' });
  expect(resolver.known?.(key.text, undefined)).toMatchObject({ kind: 'tenant' });
  expect(asked).toHaveLength(1);
  pass(1);
  expect(resolver.known?.(key.text, undefined)).toBeUndefined();
  expect(await resolver.resolve(key.text, undefined, never)).toBeUndefined();
});

test('a key that expires is not remembered for longer than it is valid', async () => {
  const { key, keys, asked, resolver, pass } = cachedAt(0);
  const stored = keys.get(key.keyId) ?? expect.fail('no key');
  keys.set(key.keyId, { ...stored, expiresAt: new Date(1000) });
  await resolver.resolve(key.text, undefined, never);
  pass(999);
  expect(resolver.known?.(key.text, undefined)).toMatchObject({ kind: 'tenant' });
  expect(asked).toHaveLength(1);
  keys.clear();
  pass(1);
  expect(resolver.known?.(key.text, undefined)).toBeUndefined();
  expect(await resolver.resolve(key.text, undefined, never)).toBeUndefined();
});

test('a refusal is remembered for a moment only', async () => {
  const { key, keys, asked, resolver, pass } = cachedAt(0);
  const stored = keys.get(key.keyId);
  keys.clear();
  await resolver.resolve(key.text, undefined, never);
  expect(await resolver.resolve(key.text, undefined, never)).toBeUndefined();
  expect(asked).toHaveLength(1);
  keys.set(key.keyId, stored ?? expect.fail('no key'));
  pass(500);
  expect(await resolver.resolve(key.text, undefined, never)).toMatchObject({ kind: 'tenant' });
});

test('what the operator does for one tenant is not remembered for another', async () => {
  const { resolver } = cachedAt(0);
  expect(await resolver.resolve(operatorKey, 'shop', never)).toEqual({ kind: 'operator', tenant: shop });
  expect(await resolver.resolve(operatorKey, undefined, never)).toEqual({ kind: 'operator' });
});

test('concurrent look-ups of one credential are one, and survive the one who asked first', async () => {
  const { key, asked, resolver } = cachedAt(0);
  const impatient = new AbortController();
  const first = resolver.resolve(key.text, undefined, impatient.signal);
  const others = [1, 2, 3].map(() => resolver.resolve(key.text, undefined, never));
  impatient.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  expect((await Promise.all(others)).map((caller) => caller?.kind)).toEqual(['tenant', 'tenant', 'tenant']);
  expect(asked).toHaveLength(1);
});

test('memory is bounded, and unknown keys do not push known ones out', async () => {
  const { key, asked, resolver } = cachedAt(0, { maxEntries: 2 });
  await resolver.resolve(key.text, undefined, never);
  for (let i = 0; i < 5; i++) await resolver.resolve(generateApiKey(randomBytes).text, undefined, never);
  await resolver.resolve(key.text, undefined, never);
  expect(asked).toHaveLength(6);
});

test('a source that does not answer or fails is unavailable, and is asked again', async () => {
  const deaf = cacheResolver(
    { resolve: () => new Promise(() => undefined) },
    { now: () => new Date(), lookUpWithinMs: 20 },
  );
  await expect(deaf.resolve('x', undefined, never)).rejects.toMatchObject({ kind: 'unavailable' });
  let calls = 0;
  const flaky = cacheResolver(
    {
      async resolve() {
        calls += 1;
        if (calls === 1) throw new DomainError('down', { kind: 'unavailable', reason: 'DOWN' });
        return { kind: 'operator' };
      },
    },
    { now: () => new Date() },
  );
  await expect(flaky.resolve('x', undefined, never)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await flaky.resolve('x', undefined, never)).toEqual({ kind: 'operator' });
});

test('who was forgotten is looked up anew, also when the look-up began before', async () => {
  const { key, keys, directory } = oneKey();
  const local = createLocalResolver({ operatorKey, directory });
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const resolver = cacheResolver(
    {
      async resolve(...call) {
        const caller = await local.resolve(...call);
        await held;
        return caller;
      },
    },
    { now: () => new Date(0) },
  );
  const before = resolver.resolve(key.text, undefined, never);
  keys.clear();
  resolver.forget();
  letGo();
  expect(await before).toMatchObject({ kind: 'tenant' });
  expect(resolver.known?.(key.text, undefined)).toBeUndefined();
  expect(await resolver.resolve(key.text, undefined, never)).toBeUndefined();
});
