import * as crypto from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { generateApiKey, hashSecret } from './api-key.ts';
import type { Tenant } from './caller.ts';
import { createLocalResolver } from './local-resolver.ts';
import { acceptServices, serviceCredential } from './service-credential.ts';

// Watched, not replaced: whatever is compared here is compared by Node.
vi.mock('node:crypto', { spy: true });
const { randomBytes, timingSafeEqual } = crypto;
afterEach(() => void vi.mocked(timingSafeEqual).mockClear());

const never = new AbortController().signal;
const operatorKey = 'an operator key that is long enough';
const serviceSecret = 'the secret of the services';
const shop: Tenant = { tenantId: 't', name: 'shop', partition: 0, timeZone: 'UTC', currency: 'USD' };
const known = generateApiKey(randomBytes);
const stranger = generateApiKey(randomBytes);
/** Of the same length and form, and of another secret from its last sign on. */
const neighbour = serviceCredential(serviceSecret, 'metrics').replace(/.$/, (last) =>
  last === '0' ? '1' : '0',
);

const resolver = acceptServices(
  serviceSecret,
  createLocalResolver({
    operatorKey,
    directory: {
      // The stored hash of a known key is another's: only its id is right.
      findKey: async (keyId) =>
        keyId === known.keyId
          ? { secretHash: stranger.secretHash, scopes: ['read'], tenant: shop }
          : undefined,
      findTenant: async () => undefined,
    },
  }),
);

test.each([
  ['a key of a known id and a wrong secret', known.text, 2],
  ['a key of an unknown id', stranger.text, 2],
  ['a wrong operator’s key', operatorKey.replace('long', 'gone'), 1],
  ['a wrong credential of a service', neighbour, 1],
])(
  '%s is refused after comparisons in constant time, as many as for one that is right, and of no other kind',
  async (_what, credential, comparisons) => {
    const bufferEquals = vi.spyOn(Buffer.prototype, 'equals');
    const bufferCompare = vi.spyOn(Buffer, 'compare');
    expect(await resolver.resolve(credential, undefined, never)).toBeUndefined();
    expect(vi.mocked(timingSafeEqual)).toHaveBeenCalledTimes(comparisons);
    for (const [one, other] of vi.mocked(timingSafeEqual).mock.calls) {
      expect(one.byteLength).toBe(other.byteLength);
      expect(one.byteLength).toBeGreaterThanOrEqual(32);
    }
    expect(bufferEquals).not.toHaveBeenCalled();
    expect(bufferCompare).not.toHaveBeenCalled();
  },
);

test('the secret itself is compared by its hash, so that nothing of it shows in the time that it takes', async () => {
  await resolver.resolve(known.text, undefined, never);
  const secret = known.text.split('_')[2] ?? expect.fail('no secret');
  const [, last] = vi.mocked(timingSafeEqual).mock.calls;
  expect(last).toEqual([hashSecret(secret), Buffer.from(stranger.secretHash)]);
});
