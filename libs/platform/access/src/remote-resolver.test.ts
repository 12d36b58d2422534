import { randomBytes } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type ServiceImpl,
} from '@connectrpc/connect';
import { AccessService, Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { expect, test } from 'vitest';
import { generateApiKey } from './api-key.ts';
import { createRemoteResolver } from './remote-resolver.ts';

const never = new AbortController().signal;
const shop = { tenantId: 't-1', name: 'shop', partition: 3, timeZone: 'UTC' };

function resolverOver(resolveCredential: ServiceImpl<typeof AccessService>['resolveCredential']) {
  const transport = createRouterTransport((router) => router.service(AccessService, { resolveCredential }));
  return createRemoteResolver(createClient(AccessService, transport));
}

test('what ingestion says of a credential is given on', async () => {
  const resolver = resolverOver(({ credential, tenantName }) => {
    const tenant = { ...shop, currencyCode: 'USD', queries: 3 };
    if (credential === 'operator') {
      const named = tenantName === '' ? {} : { tenant };
      return { caller: { case: 'operatorCaller', value: named } };
    }
    if (credential === 'key') {
      return {
        caller: {
          case: 'tenantCaller',
          value: {
            tenant,
            keyId: 'k',
            scopes: [Scope.READ, 99 as Scope],
            expiresAt: timestampFromDate(new Date(7)),
          },
        },
      };
    }
    return {};
  });
  const tenant = { ...shop, currency: 'USD', limits: { queries: 3 } };
  expect(await resolver.resolve('key', undefined, never)).toEqual({
    kind: 'tenant',
    tenant,
    keyId: 'k',
    scopes: ['read'],
    expiresAt: new Date(7),
  });
  expect(await resolver.resolve('operator', undefined, never)).toEqual({ kind: 'operator' });
  expect(await resolver.resolve('operator', 'shop', never)).toEqual({ kind: 'operator', tenant });
  expect(await resolver.resolve('unknown', undefined, never)).toBeUndefined();
});

test('a mistyped key is refused without asking', async () => {
  const resolver = resolverOver(() => {
    throw new Error('asked');
  });
  expect(await resolver.resolve(`${generateApiKey(randomBytes).text}x`, undefined, never)).toBeUndefined();
});

test.each([
  [Code.NotFound, 'not-found'],
  [Code.PermissionDenied, 'permission-denied'],
  [Code.Unavailable, 'unavailable'],
  [Code.Internal, 'unavailable'],
  // Our own credential was refused: that says nothing about the caller's.
  [Code.Unauthenticated, 'unavailable'],
])('code %i from ingestion is %s', async (code, kind) => {
  const resolver = resolverOver(() => {
    throw new ConnectError('no', code);
  });
  await expect(resolver.resolve('x', 'shop', never)).rejects.toMatchObject({ kind });
  await expect(resolver.resolve('x', undefined, never)).rejects.toMatchObject({ kind: 'unavailable' });
});
