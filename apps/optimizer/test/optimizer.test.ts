import type { DescMethod } from '@bufbuild/protobuf';
import { createClient, ConnectError, Code, type Transport } from '@connectrpc/connect';
import { OptimizerService } from '@parley/contracts/parley/optimizer/v1/optimizer_service';
import { Health, HealthCheckResponse_ServingStatus } from '@parley/contracts/grpc/health/v1/health';
import { createHealthRegistry, createTransportTo } from '@parley/rpc';
import { createLogger, systemNow } from '@parley/runtime';
import { serve, type ErasureConfirmation, type ErasureCoordinator } from '@parley/service';
import { findTenantFaults, TEST_SECRET, testCluster, type TestDatabase } from '@parley/testing';
import { expect, test } from 'vitest';
import { createOptimizerService, migrateOptimizer } from '../src/index.ts';

const cluster = await testCluster();
const logger = createLogger({ service: 'optimizer', level: 'silent' });

const prepare = ({ adminUrl }: TestDatabase): Promise<void> =>
  migrateOptimizer({ adminUrl, databaseSecret: TEST_SECRET, logger, now: systemNow });

const tenant = {
  tenantId: '0190a5e4-7b5c-7cc0-8000-000000000001',
  name: 'acme',
  partition: 0,
  timeZone: 'UTC',
  currency: 'USD',
};

/** One erasure to confirm, which empties the log once that is done. */
const confirmed: ErasureConfirmation[] = [];
const erasures: ErasureCoordinator = {
  listPending: () =>
    Promise.resolve(
      confirmed.length >= 2
        ? []
        : [
            {
              receiptId: 'r-1',
              tenantId: tenant.tenantId,
              partition: 0,
              logOffset: 1n,
              memberIds: ['ada'],
              isLogEmptied: confirmed.length === 1,
            },
          ],
    ),
  confirm: (confirmation) => {
    confirmed.push(confirmation);
    return Promise.resolve();
  },
};

/** A valid request where an empty one is not. */
const requests: Readonly<Record<string, object>> = {
  generateEmpatheticResponse: { userMessage: 'Where is my order?' },
  personalizeResponse: { memberId: 'm-1', message: 'Hello' },
};

test('every call of it answers UNIMPLEMENTED to those who may call, and its health is good', async () => {
  const database = await cluster.database('optimizer', prepare);
  const health = createHealthRegistry();
  const service = await createOptimizerService(
    { databaseUrl: database.adminUrl, databaseSecret: TEST_SECRET, serviceSecret: TEST_SECRET },
    { logger, health, now: systemNow, holder: 'test', erasures },
  );
  const server = await serve({
    port: 0,
    services: [service],
    resolver: {
      resolve: (credential) =>
        Promise.resolve(
          credential === 'key'
            ? { kind: 'tenant', tenant, keyId: 'key', scopes: ['read', 'experiment'] }
            : undefined,
        ),
    },
    health,
    logger,
    now: systemNow,
  });
  const transport = createTransportTo({ baseUrl: server.url, credential: 'key', retry: false });
  const stranger = createTransportTo({ baseUrl: server.url, credential: 'other', retry: false });
  try {
    const answerTo = async (caller: Transport, { localName }: DescMethod): Promise<Code | undefined> => {
      const call = createClient(OptimizerService, caller)[localName as keyof typeof OptimizerService.method];
      return await call(requests[localName] ?? {}).then(
        () => undefined,
        (error: unknown) => ConnectError.from(error).code,
      );
    };
    for (const method of OptimizerService.methods) {
      expect(await answerTo(stranger, method), method.name).toBe(Code.Unauthenticated);
      expect(await answerTo(transport, method), method.name).toBe(Code.Unimplemented);
    }
    const { status } = await createClient(Health, transport).check({ service: OptimizerService.typeName });
    expect(status).toBe(HealthCheckResponse_ServingStatus.SERVING);
  } finally {
    transport.close();
    stranger.close();
    await server.close();
    await service.close();
  }
});

test('every table of a tenant keeps tenants apart', async () => {
  const { adminUrl } = await cluster.database('optimizer', prepare);
  expect(await findTenantFaults({ adminUrl, schema: 'optimizer' })).toEqual([]);
});

test('it keeps nothing of anybody, and confirms every erasure before and after the log is emptied', async () => {
  const database = await cluster.database('optimizer', prepare);
  confirmed.length = 0;
  const service = await createOptimizerService(
    { databaseUrl: database.adminUrl, databaseSecret: TEST_SECRET, serviceSecret: TEST_SECRET },
    { logger, health: createHealthRegistry(), now: systemNow, holder: 'test', erasures },
  );
  try {
    await expect.poll(() => confirmed.length, { timeout: 5_000 }).toBe(2);
    expect(confirmed.map(({ isLogEmptied, erased }) => [isLogEmptied, erased])).toEqual([
      [false, []],
      [true, []],
    ]);
  } finally {
    await service.close();
  }
});
