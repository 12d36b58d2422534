import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  IngestionService,
  RecordEventsRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import { answerOf, envelope, grpcStatusOf, openHttp2, openTcp, rawCall, startServer } from './harness.ts';
import { startServerProcess } from './server-process-under-test.ts';

const batch = `/${IngestionService.typeName}/RecordEvents`;
const MiB = 1024 * 1024;
const as = (key: string) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/grpc' });

test('unfinished messages on many connections hold no more than the budget, and leave room for others', async () => {
  const budget = 8 * MiB;
  const { url, usage } = await startServerProcess({ maxBytesInFlight: budget, messageMs: 4000 });
  const small = envelope(
    toBinary(RecordEventsRequestSchema, create(RecordEventsRequestSchema, { events: [{}] })),
  );
  expect(grpcStatusOf(await rawCall(openHttp2(url), batch, as('key-other'), small))).toBe(0);
  const before = await usage();

  const message = envelope(Buffer.alloc(900_000), { length: 1_000_000 });
  const answers = Array.from({ length: 30 }, () => openHttp2(url)).flatMap((session) =>
    Array.from({ length: 20 }, () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': batch,
        te: 'trailers',
        ...as('key-ingest'),
      });
      const answer = answerOf(stream);
      stream.write(message);
      return answer;
    }),
  );
  let mostHeld = 0;
  const look = async (): Promise<number> => {
    const { heldMemory, mostBytesInFlight } = await usage();
    mostHeld = Math.max(mostHeld, heldMemory);
    return mostBytesInFlight;
  };
  await expect.poll(look, { timeout: 5000 }).toBeGreaterThan(budget / 3);
  // One caller gets half of the budget; another one is still answered.
  expect(grpcStatusOf(await rawCall(openHttp2(url), batch, as('key-other'), small))).toBe(0);
  for (let i = 0; i < 5; i++) await look();

  expect(new Set((await Promise.all(answers)).map(grpcStatusOf))).toEqual(new Set([4, 8]));
  const after = await usage();
  expect(after.mostBytesInFlight).toBeLessThanOrEqual(budget / 2);
  expect(after.bytesInFlight).toBe(0);
  // 540 MB were offered on 600 calls, and a call by itself holds some 70 KB; the rest of RSS is garbage.
  expect(mostHeld - before.heldMemory).toBeLessThan(100 * MiB);
  expect(after.mostRss - before.mostRss).toBeLessThan(270 * MiB);
}, 30_000);

test('promises of size hold nothing until the bytes come', async () => {
  const { url, usage } = await startServerProcess({});
  const before = await usage();
  const sockets = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const socket = await openTcp(Number(new URL(url).port));
      socket.write(
        `POST ${batch} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-ingest\r\n` +
          'content-type: application/proto\r\ncontent-length: 1000000\r\n\r\n',
      );
      return socket;
    }),
  );
  const session = openHttp2(url);
  const streams = Array.from({ length: 100 }, () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': batch,
      te: 'trailers',
      ...as('key-ingest'),
    });
    stream.on('error', () => undefined);
    stream.write(envelope(Buffer.alloc(1), { length: 1_000_000 }));
    return stream;
  });
  await expect.poll(async () => (await usage()).callsInFlight, { timeout: 15_000 }).toBe(200);
  const { heldMemory } = await usage();
  expect(heldMemory - before.heldMemory).toBeLessThan(20 * MiB);
  sockets.forEach((socket) => socket.destroy());
  streams.forEach((stream) => stream.close());
});

test('a refusal for lack of room says when to come again', async () => {
  const { url } = await startServer({ limits: { maxBytesInFlight: 100_000 } });
  const answer = await rawCall(openHttp2(url), batch, as('key-ingest'), envelope(Buffer.alloc(60_000)));
  expect(grpcStatusOf(answer)).toBe(8);
  const details = Buffer.from(String(answer.trailers['grpc-status-details-bin']), 'base64').toString(
    'latin1',
  );
  expect(details).toContain('TOO_MANY_BYTES_IN_FLIGHT');
  expect(details).toContain('google.rpc.RetryInfo');
});

test('a compressed message is charged what it may grow to', async () => {
  const { url } = await startServer({ limits: { maxBytesInFlight: MiB } });
  const zipped = envelope(gzipSync(Buffer.alloc(1000)), { flags: 1 });
  const headers = { ...as('key-ingest'), 'grpc-encoding': 'gzip' };
  // A batch may be 1 MiB, and half of the budget is less.
  expect(grpcStatusOf(await rawCall(openHttp2(url), batch, headers, zipped))).toBe(8);
});

test('after a thousand calls nothing is held', async () => {
  const { url, bytesInFlight, callsInFlight } = await startServer();
  const session = openHttp2(url);
  const bytes = envelope(
    toBinary(RecordEventsRequestSchema, create(RecordEventsRequestSchema, { events: [{}] })),
  );
  for (let round = 0; round < 10; round++) {
    const calls = Array.from({ length: 100 }, (_, i) =>
      rawCall(session, batch, as('key-ingest'), i % 3 === 0 ? bytes.subarray(0, 4) : bytes),
    );
    await Promise.all(calls);
  }
  expect([bytesInFlight(), callsInFlight()]).toEqual([0, 0]);
});
