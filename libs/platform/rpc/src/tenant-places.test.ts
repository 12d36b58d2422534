import type { Tenant } from '@parley/access';
import { expect, test } from 'vitest';
import { createTenantPlaces } from './tenant-places.ts';

const shop: Tenant = {
  tenantId: 't-1',
  name: 'shop',
  partition: 0,
  timeZone: 'UTC',
  currency: 'USD',
  limits: { streams: 2, queries: 2 },
};
const other: Tenant = { ...shop, tenantId: 't-2', name: 'other' };
const patient = new AbortController().signal;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Asks, and notes when the place is there. */
function ask(places: ReturnType<typeof createTenantPlaces>, tenant: Tenant, signal = patient) {
  const asked: { release?: () => void; error?: unknown } = {};
  places.take(tenant, 'queries', signal).then(
    (release) => (asked.release = release),
    (error: unknown) => (asked.error = error),
  );
  return asked;
}

test('a stream beyond the limit is refused, until one ends; another tenant has its own', async () => {
  const places = createTenantPlaces();
  const first = await places.take(shop, 'streams', patient);
  await places.take(shop, 'streams', patient);

  await expect(places.take(shop, 'streams', patient)).rejects.toMatchObject({
    kind: 'resource-exhausted',
    reason: 'TENANT_STREAMS',
    quotas: [{ subject: 'tenant:shop', description: '2 streams open at a time' }],
    retryAfterMs: 1000,
  });
  await places.take(other, 'streams', patient);
  first();
  await places.take(shop, 'streams', patient);
});

test('queries beyond the limit wait in the order of asking, and hold up no other tenant', async () => {
  const places = createTenantPlaces();
  const asked = Array.from({ length: 5 }, () => ask(places, shop));
  const others = ask(places, other);
  await settled();
  expect(asked.map(({ release }) => release !== undefined)).toEqual([true, true, false, false, false]);
  expect(others.release).toBeDefined();

  asked[0]?.release?.();
  await settled();
  expect(asked.map(({ release }) => release !== undefined)).toEqual([true, true, true, false, false]);
});

test('only so many queries wait', async () => {
  const places = createTenantPlaces();
  const asked = Array.from({ length: 2 + 2 * 8 }, () => ask(places, shop));
  await settled();
  expect(asked.every(({ error }) => error === undefined)).toBe(true);
  await expect(places.take(shop, 'queries', patient)).rejects.toMatchObject({ reason: 'TENANT_QUERIES' });
});

test('who leaves while waiting takes no place', async () => {
  const places = createTenantPlaces();
  const held = [ask(places, shop), ask(places, shop)];
  const leaving = new AbortController();
  const left = ask(places, shop, leaving.signal);
  const next = ask(places, shop);
  await settled();
  leaving.abort(new Error('gone'));
  held[0]?.release?.();
  await settled();
  expect(left.error).toMatchObject({ message: 'gone' });
  expect(next.release).toBeDefined();
});

test('a limit that is raised or lowered holds from the next call on', async () => {
  const places = createTenantPlaces();
  const asked = [ask(places, shop), ask(places, shop), ask(places, shop)];
  const more = ask(places, { ...shop, limits: { queries: 4 } });
  await settled();
  expect([...asked, more].every(({ release }) => release !== undefined)).toBe(true);

  const lowered = ask(places, { ...shop, limits: { queries: 1 } });
  for (const { release } of asked) release?.();
  await settled();
  expect(lowered.release).toBeUndefined();
  more.release?.();
  await settled();
  expect(lowered.release).toBeDefined();
});
