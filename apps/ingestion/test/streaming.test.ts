import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type {
  IngestEventsRequestSchema,
  IngestEventsResponse,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { sleep } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, as, admin } = await startService(cluster, { atEnd: afterAll });
type EventInit = MessageInitShape<typeof EventSchema>;
type BatchInit = MessageInitShape<typeof IngestEventsRequestSchema>;

const said = (eventId: string, botId = 'bot-1'): EventInit => ({
  eventId,
  occurredAt: timestampFromDate(new Date('2026-03-01T10:00:00Z')),
  payload: { case: 'interaction', value: { botId } },
});
const batch = (number: number, size = 10, stream = 's'): BatchInit => ({
  sequence: BigInt(number),
  events: Array.from({ length: size }, (_, index) => said(`${stream}-${number}-${index}`)),
});
async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}
async function collect(stream: AsyncIterable<IngestEventsResponse>): Promise<IngestEventsResponse[]> {
  const responses: IngestEventsResponse[] = [];
  for await (const response of stream) responses.push(response);
  return responses;
}
const storedOf = async (tenantId: string | undefined) => {
  const { rows } = await admin.query<{ n: bigint; keys: bigint }>(
    'select count(*) as n, count(distinct event_key) as keys from events where tenant_id = $1',
    [tenantId],
  );
  return { rows: Number(rows[0]?.n), keys: Number(rows[0]?.keys) };
};

test.each([
  ['gRPC', {}],
  ['Connect', { protocol: 'connect' }],
  ['Connect with JSON', { protocol: 'connect', useJson: true }],
] as const)('batches of a stream are acknowledged in their order, over %s', async (_name, options) => {
  const own = await tenant();
  const { ingestion } = as(own.key, options);
  const batches = Array.from({ length: 20 }, (_, index) => batch(index * 3));
  const responses = await collect(ingestion.ingestEvents(each(batches)));

  expect(responses.map(({ sequence }) => Number(sequence))).toEqual(batches.map((_, index) => index * 3));
  expect(responses.flatMap(({ results }) => results.map(({ eventId }) => eventId))).toEqual(
    batches.flatMap(({ events = [] }) => events.map(({ eventId }) => eventId)),
  );
  expect(responses.every(({ results }) => results.every((it) => it.outcome === EventOutcome.ACCEPTED))).toBe(
    true,
  );
  expect(await storedOf(own.tenant.tenantId)).toEqual({ rows: 200, keys: 200 });
});

test('an acknowledgement comes while the stream stays open, and names a position that includes its batch', async () => {
  const { clients } = await tenant();
  const { promise: hasSeen, resolve: seen } = Promise.withResolvers<void>();
  const requests = async function* (): AsyncGenerator<BatchInit> {
    yield batch(1);
    await hasSeen;
  };
  for await (const { sequence, position } of clients.ingestion.ingestEvents(requests())) {
    expect(sequence).toBe(1n);
    const got = await clients.ingestion.getInteraction({ interactionId: 's-1-0', minPosition: position });
    expect(got.interaction?.interactionId).toBe('s-1-0');
    seen();
  }
});

test('each event of a batch is judged by itself', async () => {
  const { clients } = await tenant();
  const events = [said('a'), said('b', ''), said('a'), { ...said('a', 'bot-2') }];
  const [response] = await collect(clients.ingestion.ingestEvents(each([{ sequence: 1n, events }])));
  expect(response?.results.map(({ outcome, reason }) => [outcome, reason])).toEqual([
    [EventOutcome.ACCEPTED, ''],
    [EventOutcome.REJECTED, 'INVALID_FIELDS'],
    [EventOutcome.DUPLICATE, ''],
    [EventOutcome.CONFLICT, 'EVENT_CONFLICT'],
  ]);
});

test('a stream that breaks is resumed without loss or duplicate by sending what was not acknowledged', async () => {
  const own = await tenant();
  const batches = Array.from({ length: 60 }, (_, index) => batch(index + 1, 50));
  const acknowledged = new Set<bigint>();
  for (let streams = 0; acknowledged.size < batches.length; streams += 1) {
    expect(streams).toBeLessThan(40);
    const left = batches.filter(({ sequence = 0n }) => !acknowledged.has(sequence));
    const { ingestion } = as(own.key);
    const breaking = new AbortController();
    let answers = 0;
    try {
      for await (const { sequence } of ingestion.ingestEvents(each(left), { signal: breaking.signal })) {
        acknowledged.add(sequence);
        answers += 1;
        // In the middle, with later batches on their way.
        if (answers === 3) breaking.abort();
      }
    } catch (error) {
      expect(ConnectError.from(error).code).toBe(Code.Canceled);
    }
  }
  expect(await storedOf(own.tenant.tenantId)).toEqual({ rows: 3000, keys: 3000 });
});

test('who does not take the acknowledgements is held back: batches are read as they are taken, not ahead', async () => {
  const { clients } = await tenant();
  let given = 0;
  const leaving = new AbortController();
  const requests = async function* (): AsyncGenerator<BatchInit> {
    for (let number = 1; number <= 2_000; number += 1) {
      given = number;
      yield batch(number, 500, 'held');
    }
  };
  const stream = clients.ingestion.ingestEvents(requests(), { signal: leaving.signal });
  const responses = stream[Symbol.asyncIterator]();
  await responses.next();
  // Acknowledgements of a batch take some 15 kB; the buffers on the way hold a few dozens of them.
  let before = -1;
  while (before !== given) {
    before = given;
    await sleep(500);
  }
  expect(given).toBeLessThan(500);
  leaving.abort();
}, 30_000);

test.each<[string, readonly BatchInit[], string]>([
  ['a number that is not above the one before', [batch(2), batch(2)], 'sequence'],
  ['no events', [{ sequence: 1n, events: [] }], 'events'],
  ['a negative number', [{ ...batch(1), sequence: -1n }], 'sequence'],
])('a batch with %s ends the stream, naming the field', async (_what, batches, field) => {
  const { clients } = await tenant();
  expect(await refusalOf(collect(clients.ingestion.ingestEvents(each(batches))))).toMatchObject({
    code: 'InvalidArgument',
    fields: [field],
  });
});

test('a revoked key ends its stream at the next batch; what was acknowledged stays', async () => {
  const own = await tenant();
  const { apiKey, key } = await own.clients.tenants.createApiKey({ scopes: [1] });
  const { promise: isRevoked, resolve: revoked } = Promise.withResolvers<void>();
  const requests = async function* (): AsyncGenerator<BatchInit> {
    yield batch(1);
    await isRevoked;
    yield batch(2);
  };
  const responses = as(key).ingestion.ingestEvents(requests())[Symbol.asyncIterator]();
  expect((await responses.next()).value?.sequence).toBe(1n);
  await own.clients.tenants.revokeApiKey({ keyId: apiKey?.keyId ?? '' });
  revoked();
  await expect(responses.next()).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(await storedOf(own.tenant.tenantId)).toEqual({ rows: 10, keys: 10 });
});
