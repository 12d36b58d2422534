import { ConnectError } from '@connectrpc/connect';
import { QuotaFailureSchema } from '@parley/contracts/google/rpc/error_details';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { operatorKey, startService } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, as, admin } = await startService(cluster, { atEnd: afterAll });

async function limited(limits: {
  callsPerSecond?: bigint;
  eventsPerSecond?: bigint;
  bytesPerSecond?: bigint;
}) {
  const own = await tenant();
  const operator = as(operatorKey, { tenant: own.tenant.name });
  const answer = await operator.tenants.updateTenantLimits({ limits });
  expect(answer.tenant?.limits).toMatchObject(limits);
  expect((await own.clients.tenants.getTenant({})).tenant?.limits).toMatchObject(limits);
  const storedCount = async () => {
    const { rows } = await admin.query('select 1 from events where tenant_id = $1 and kind = 1', [
      own.tenant.tenantId,
    ]);
    return rows.length;
  };
  return { ...own, storedCount };
}
const events = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => ({
    eventId: `${name}-${index}`,
    payload: { case: 'interaction' as const, value: { botId: 'bot-1', messageText: 'x'.repeat(200) } },
  }));

test.each([
  ['events', { eventsPerSecond: 2n }, 'TENANT_EVENTS_PER_SECOND'],
  ['bytes', { bytesPerSecond: 400n }, 'TENANT_BYTES_PER_SECOND'],
  ['calls', { callsPerSecond: 1n }, 'TENANT_CALLS_PER_SECOND'],
])(
  'who sends more %s than it may is refused whole, told the limit and when to come again',
  async (_what, limits, reason) => {
    const { clients, storedCount } = await limited(limits);
    let sent = 0;
    let refused: ConnectError | undefined;
    while (refused === undefined && sent < 100) {
      await clients.ingestion.recordEvents({ events: events(5, `e-${sent}`) }).then(
        () => (sent += 5),
        (error: unknown) => (refused = ConnectError.from(error)),
      );
    }
    expect(sent).toBeGreaterThanOrEqual(10);
    expect(sent).toBeLessThanOrEqual(60);
    expect(await storedCount()).toBe(sent);
    expect(await refusalOf(Promise.reject(refused ?? new Error('Nothing was refused.')))).toMatchObject({
      code: 'ResourceExhausted',
      reason,
      mayRetry: true,
    });
    expect(refused?.findDetails(QuotaFailureSchema)).toHaveLength(1);
    // Reading is not sending.
    await clients.tenants.getTenant({});
  },
);

test('a stream beyond its rate is slowed down, not broken, and loses nothing', async () => {
  const { clients, storedCount } = await limited({ eventsPerSecond: 20n });
  const startedAt = Date.now();
  const batches = async function* () {
    for (let number = 1; number <= 5; number += 1)
      yield { sequence: BigInt(number), events: events(60, `s-${number}`) };
  };
  const acknowledged: bigint[] = [];
  for await (const { sequence } of clients.ingestion.ingestEvents(batches())) acknowledged.push(sequence);
  expect(acknowledged).toEqual([1n, 2n, 3n, 4n, 5n]);
  expect(await storedCount()).toBe(300);
  // 200 at once and 20 a second: the last batch may begin when the 240 before it are within that.
  expect(Date.now() - startedAt).toBeGreaterThan(1900);
}, 20_000);

test('only the operator changes limits', async () => {
  const { clients } = await tenant();
  expect(await refusalOf(clients.tenants.updateTenantLimits({ limits: {} }))).toMatchObject({
    code: 'PermissionDenied',
  });
});
