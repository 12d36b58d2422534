import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { EventLogService, LogEventSchema } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import type { LogBatch, LogEvent, LogSource } from '@parley/event';
import type { AccessPolicy, Routes, RpcLimits } from '@parley/rpc';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { createRemoteLogSource } from '../src/index.ts';
import { serve, transportTo } from './server.ts';
import { createSimulatedLog } from './simulated-log.ts';
import { service, someWords } from './words-projection.ts';
import { countsOf, openAs, prepare, startRuntime, until, untilCaughtUp, wordCounts } from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;
const access: AccessPolicy = { [EventLogService.typeName]: { callers: ['service'], tenant: 'none' } };

function bytesOf(uuid: string): Uint8Array {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

function toMessage({ offset, body, ...event }: LogEvent) {
  return create(LogEventSchema, {
    logOffset: offset,
    tenantId: bytesOf(event.tenantId),
    kind: event.kind,
    eventKey: bytesOf(event.eventKey),
    occurredAt: timestampFromDate(event.occurredAt),
    receivedAt: timestampFromDate(event.receivedAt),
    ...(body === undefined ? {} : { body: Uint8Array.from(body) }),
  });
}

/** The log's service over a log of these tests. */
function logRoutes(log: LogSource): Routes {
  return (router) => {
    router.service(EventLogService, {
      async listPartitions(_, { signal }) {
        const heads = await log.heads(signal);
        return { partitions: [...heads].map(([partition, headOffset]) => ({ partition, headOffset })) };
      },
      async listSeals({ reader, confirmedNumber }, { signal }) {
        const seals = await log.seals({ reader, confirmed: confirmedNumber, signal });
        return {
          seals: seals.map(({ receivedBefore, occurredBefore, ...seal }) => ({
            ...seal,
            tenantId: Uint8Array.from(Buffer.from(seal.tenantId.replaceAll('-', ''), 'hex')),
            receivedBefore: timestampFromDate(receivedBefore),
            occurredBefore: timestampFromDate(occurredBefore),
          })),
        };
      },
      async *tail({ partition, afterOffset, maxBatchSize }, { signal }) {
        for await (const batch of log.tail({ partition, afterOffset, maxBatchSize, signal })) {
          yield {
            headOffset: batch.headOffset,
            events: batch.events.map(toMessage),
          };
        }
      },
    });
  };
}

async function setUp(
  log: LogSource,
  { limits = {}, stallMs = 5_000 }: { limits?: Partial<RpcLimits>; stallMs?: number } = {},
) {
  const server = await serve({ routes: logRoutes(log), access, limits });
  const client = createClient(EventLogService, transportTo(server, 'service'));
  return { server, source: createRemoteLogSource({ client, stallMs }) };
}

test('events come over as they are', async () => {
  const log = createSimulatedLog();
  const receivedAt = new Date('2026-03-01T10:00:00.123Z');
  log.append(0, [
    { text: 'hello', receivedAt },
    { kind: 14, receivedAt },
  ]);
  const { source } = await setUp(log);
  const options = { partition: 0, afterOffset: 0n, maxBatchSize: 10, signal: never };

  expect(await source.heads(never)).toEqual(new Map([[0, 2n]]));
  const [mine, theirs] = [await firstBatch(source, options), await firstBatch(log, options)];
  expect(mine.headOffset).toBe(theirs.headOffset);
  expect(mine.events.map((event) => ({ ...event, body: Buffer.from(event.body ?? []) }))).toEqual(
    theirs.events,
  );
});

test('seals come over as they are, and what is confirmed goes back', async () => {
  const log = createSimulatedLog();
  const seal = {
    number: 7n,
    partition: 3,
    tenantId: '0190a5e4-0000-7000-8000-000000000001',
    receivedBefore: new Date('2026-03-01T00:00:00Z'),
    occurredBefore: new Date('2026-03-02T00:00:00Z'),
    throughOffset: 1_000n,
  };
  log.seal(seal);
  const { source } = await setUp(log);
  expect(await source.seals({ reader: 'toy', confirmed: 6n, signal: never })).toEqual([seal]);
  expect(await source.seals({ reader: 'toy', confirmed: 7n, signal: never })).toEqual([]);
  expect(log.confirmed).toEqual(new Map([['toy', 7n]]));
});

test('a reader who leaves ends the stream', async () => {
  const log = createSimulatedLog();
  log.append(0, [{ text: 'hello' }]);
  const { server, source } = await setUp(log);
  await firstBatch(source, { partition: 0, afterOffset: 0n, maxBatchSize: 10, signal: never });
  await expect.poll(() => server.callsInFlight()).toBe(0);
});

test('an event whose body is erased comes without one', async () => {
  const log = createSimulatedLog();
  log.append(0, [{ text: 'forgotten' }]);
  const erased: LogSource = {
    ...log,
    async *tail(options) {
      for await (const batch of log.tail(options)) {
        yield { ...batch, events: batch.events.map((event) => ({ ...event, body: undefined })) };
      }
    },
  };
  const { source } = await setUp(erased);
  const { events } = await firstBatch(source, {
    partition: 0,
    afterOffset: 0n,
    maxBatchSize: 10,
    signal: never,
  });
  expect(events[0]?.body).toBeUndefined();
});

test('a projection follows the log over the network, also when its server is restarted', async () => {
  const worker = await openAs(await cluster.database(service, prepare), 'worker');
  const log = createSimulatedLog({ partitionCount: 2 });
  const { server, source } = await setUp(log);
  startRuntime({ db: worker, source });
  log.append(0, someWords(100));
  await untilCaughtUp(worker, await log.heads(never));

  await server.close(0);
  log.append(1, someWords(100));
  await serve({ routes: logRoutes(log), access, port: server.port });

  await untilCaughtUp(worker, await log.heads(never));
  expect(await wordCounts(worker)).toEqual(countsOf(log, 2));
});

test('a stream that falls silent counts as lost', async () => {
  const silent: LogSource = {
    heads: async () => new Map([[0, 0n]]),
    seals: async () => [],
    async *tail({ signal }): AsyncGenerator<LogBatch> {
      yield { events: [], headOffset: 0n };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
  const { source } = await setUp(silent, { stallMs: 100 });
  const options = { partition: 0, afterOffset: 0n, maxBatchSize: 10, signal: never };
  await expect(Array.fromAsync(source.tail(options))).rejects.toMatchObject({
    kind: 'unavailable',
    reason: 'LOG_SILENT',
  });
});

test('a reader that takes its time does not lose the stream', async () => {
  const log = createSimulatedLog();
  log.append(0, someWords(2));
  const { source } = await setUp(log, { stallMs: 200 });
  const offsets: bigint[] = [];
  for await (const { events } of source.tail({
    partition: 0,
    afterOffset: 0n,
    maxBatchSize: 1,
    signal: never,
  })) {
    offsets.push(...events.map(({ offset }) => offset));
    if (offsets.length === 2) break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(offsets).toEqual([1n, 2n]);
});

test('when the server ends a stream at its time, the next one goes on without a gap', async () => {
  const log = createSimulatedLog();
  const { source } = await setUp(log, { limits: { streamDefaultMs: 300 } });
  const offsets: bigint[] = [];
  const end = new AbortController();
  const reading = (async () => {
    for await (const { events } of source.tail({
      partition: 0,
      afterOffset: 0n,
      maxBatchSize: 10,
      signal: end.signal,
    })) {
      offsets.push(...events.map(({ offset }) => offset));
    }
  })();
  for (let i = 0; i < 10; i += 1) {
    log.append(0, [{}]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await until(() => offsets.length === 10);
  end.abort();
  await reading;
  expect(log.tailCount()).toBeGreaterThan(2);
  expect(offsets).toEqual(Array.from({ length: 10 }, (_, i) => BigInt(i + 1)));
});

async function firstBatch(source: LogSource, options: Parameters<LogSource['tail']>[0]): Promise<LogBatch> {
  for await (const batch of source.tail(options)) return batch;
  throw new Error('The stream ended.');
}
