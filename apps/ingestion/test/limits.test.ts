import type { MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { defaultTenantLimits } from '@parley/access';
import { QuotaFailureSchema } from '@parley/contracts/google/rpc/error_details';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { FileFormat, RecordKind } from '@parley/contracts/parley/ingestion/v1/collection_service';
import type { TenantLimitsSchema } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { sleep } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { operatorKey, startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, as, admin, adminUrl } = await startService(cluster, { atEnd: afterAll });

async function limited(limits: MessageInitShape<typeof TenantLimitsSchema>) {
  const own = await tenant();
  const setLimits = async (changed: typeof limits) => {
    const { tenant: updated } = await as(operatorKey, { tenant: own.tenant.name }).tenants.updateTenantLimits(
      {
        limits: changed,
      },
    );
    return updated;
  };
  expect((await setLimits(limits))?.limits).toMatchObject(limits);
  expect((await own.clients.tenants.getTenant({})).tenant?.limits).toMatchObject(limits);
  const storedCount = async () => {
    const { rows } = await admin.query('select 1 from events where tenant_id = $1 and kind = 1', [
      own.tenant.tenantId,
    ]);
    return rows.length;
  };
  return { ...own, setLimits, storedCount };
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

test('what is not set is the default, and what is set to 0 is so again', async () => {
  const { setLimits, clients } = await limited({ streams: 3 });
  const { tenant: before } = await clients.tenants.getTenant({});
  expect(before?.limits).toMatchObject({ streams: 3, bots: 0 });
  expect(before?.effectiveLimits).toMatchObject({
    streams: 3,
    bots: defaultTenantLimits.bots,
    queries: defaultTenantLimits.queries,
    eventsPerSecond: BigInt(defaultTenantLimits.eventsPerSecond),
    bytesPerSecond: BigInt(defaultTenantLimits.bytesPerSecond),
    callsPerSecond: BigInt(defaultTenantLimits.callsPerSecond),
  });
  expect((await setLimits({}))?.effectiveLimits?.streams).toBe(defaultTenantLimits.streams);
});

/** A stream of events that stays open until told; `isOpen` once a batch has been acknowledged. */
function openStream({ clients }: TestTenant, name: string) {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const batches = async function* () {
    yield { sequence: 1n, events: events(1, name) };
    await over;
  };
  const { promise: isOpen, resolve: opened, reject } = Promise.withResolvers<void>();
  const done = (async () => {
    for await (const _ of clients.ingestion.ingestEvents(batches())) opened();
  })();
  done.catch(reject);
  return {
    isOpen,
    async close() {
      end();
      await done;
    },
  };
}

test('a stream more than may be open is refused with the limit named, until one ends', async () => {
  const own = await limited({ streams: 2 });
  const open = [openStream(own, 'a'), openStream(own, 'b')];
  await Promise.all(open.map(({ isOpen }) => isOpen));

  const refusal = await openStream(own, 'c').isOpen.catch(ConnectError.from);
  expect(await refusalOf(Promise.reject(refusal ?? new Error('It was let in.')))).toMatchObject({
    code: 'ResourceExhausted',
    reason: 'TENANT_STREAMS',
    mayRetry: true,
  });
  expect(refusal?.findDetails(QuotaFailureSchema)[0]?.violations).toMatchObject([
    { subject: `tenant:${own.tenant.name}`, description: '2 streams open at a time' },
  ]);
  // Exports are streams too.
  const exported = (async () => {
    const file = { kind: RecordKind.INTERACTIONS, format: FileFormat.JSONL };
    for await (const _ of own.clients.collection.exportRecords(file));
  })();
  expect(await refusalOf(exported)).toMatchObject({ reason: 'TENANT_STREAMS' });
  const neighbour = openStream(await tenant(), 'n');
  await neighbour.isOpen;
  await neighbour.close();

  await open[0]?.close();
  // The client may know of the end before the server does.
  let again = openStream(own, 'd');
  while (await again.isOpen.catch(() => true)) {
    await sleep(20);
    again = openStream(own, 'd');
  }
  await again.close();
  await open[1]?.close();
});

test('an event of one bot more than there may be is rejected with the bound and the count, and those before go on', async () => {
  const { clients, tenant: own, setLimits, storedCount } = await limited({ bots: 2 });
  const of = (...botIds: string[]) => ({
    events: botIds.map((botId, index) => ({
      eventId: `${botIds.join('-')}-${index}`,
      payload: { case: 'interaction' as const, value: { botId } },
    })),
  });
  const outcomesOf = async (...botIds: string[]) =>
    (await clients.ingestion.recordEvents(of(...botIds))).results.map(({ outcome, reason, message }) =>
      outcome === EventOutcome.ACCEPTED ? 'accepted' : `${reason}: ${message}`,
    );
  const refused = 'TOO_MANY_BOTS: The tenant has 2 bots and may have 2; this event is of another one.';

  expect(await outcomesOf('one', 'two', 'three', 'one')).toEqual([
    'accepted',
    'accepted',
    refused,
    'accepted',
  ]);
  expect(await outcomesOf('three', 'two')).toEqual([refused, 'accepted']);
  const single = clients.ingestion.recordInteraction({ eventId: 'x', interaction: { botId: 'four' } });
  const error = await single.catch(ConnectError.from);
  expect(await refusalOf(Promise.reject(error as Error))).toMatchObject({
    code: 'ResourceExhausted',
    reason: 'TOO_MANY_BOTS',
    // It would be in vain.
    mayRetry: false,
  });
  // An event that names no bot is not of another one.
  const completion = { interactionId: 'one-two-three-one-0', responseText: 'hello' };
  const { results } = await clients.ingestion.recordEvents({
    events: [{ payload: { case: 'completion', value: completion } }],
  });
  expect(results.map(({ outcome }) => outcome)).toEqual([EventOutcome.ACCEPTED]);

  // What was rejected is kept, to be replayed once there is room.
  const { quarantinedEvents } = await clients.quarantine.listQuarantinedEvents({ reason: 'TOO_MANY_BOTS' });
  expect(quarantinedEvents).toHaveLength(3);
  await setLimits({ bots: 3 });
  for (const { quarantineId, eventId } of quarantinedEvents) {
    if (eventId === 'x') continue;
    const { result } = await clients.quarantine.replayQuarantinedEvent({ quarantineId });
    expect(result?.outcome).toBe(EventOutcome.ACCEPTED);
  }
  expect(await storedCount()).toBe(6);
  const { rows } = await admin.query<{ bot_id: string }>(
    'select bot_id from bots where tenant_id = $1 order by bot_id',
    [own.tenantId],
  );
  expect(rows.map(({ bot_id }) => bot_id)).toEqual(['one', 'three', 'two']);
});

test('the number of bots is exact where many calls bring new ones at the same time', async () => {
  const { clients } = await limited({ bots: 10 });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      clients.ingestion.recordEvents({
        events: [{ eventId: `${index}`, payload: { case: 'interaction', value: { botId: `bot-${index}` } } }],
      }),
    ),
  );
  const outcomes = answers.flatMap(({ results }) => results.map(({ outcome }) => outcome));
  expect(outcomes.filter((outcome) => outcome === EventOutcome.ACCEPTED)).toHaveLength(10);
  expect(outcomes.filter((outcome) => outcome === EventOutcome.REJECTED)).toHaveLength(30);
});

test('a changed limit holds in another process within five seconds, without a restart', async () => {
  const other = await startService(cluster, { databaseUrl: adminUrl });
  const { key, tenant: own, setLimits } = await limited({});
  const { ingestion } = other.as(key);
  let number = 0;
  const send = () => ingestion.recordEvents({ events: events(30, `p-${(number += 1)}`) });
  for (let call = 0; call < 3; call += 1) await send();

  await setLimits({ eventsPerSecond: 1n });
  const changedAt = Date.now();
  let refused: ConnectError | undefined;
  while (refused === undefined && Date.now() - changedAt < 20_000) {
    await send().catch((error: unknown) => (refused = ConnectError.from(error)));
    await sleep(200);
  }
  expect(refused?.findDetails(QuotaFailureSchema)[0]?.violations[0]?.subject).toBe(`tenant:${own.name}`);
  // Five, and what a busy machine takes for two calls.
  expect(Date.now() - changedAt).toBeLessThan(8_000);
}, 60_000);
