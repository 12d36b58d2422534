import { create, toBinary } from '@bufbuild/protobuf';
import {
  IngestionService,
  RecordEventsRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import { gzipSync } from 'node:zlib';
import { answerOf, envelope, grpcStatusOf, openHttp2, rawCall, startServer } from './harness.ts';

const batch = `/${IngestionService.typeName}/RecordEvents`;
const MiB = 1024 * 1024;
const as = (key: string) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/grpc' });

test('unfinished messages on many connections hold no more than the budget, and leave room for others', async () => {
  const budget = 8 * MiB;
  const { url, bytesInFlight } = await startServer({ limits: { maxBytesInFlight: budget, messageMs: 4000 } });
  const message = envelope(Buffer.alloc(900_000), { length: 1_000_000 });
  // What the clients of this very process hold of the same bytes is allocated before.
  const sessions = Array.from({ length: 10 }, () => openHttp2(url));
  const before = process.memoryUsage.rss();
  const answers = sessions.flatMap((session) =>
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
  let most = 0;
  let rss = 0;
  const watch = setInterval(() => {
    most = Math.max(most, bytesInFlight());
    rss = Math.max(rss, process.memoryUsage.rss() - before);
  }, 10);
  await expect.poll(() => most, { timeout: 5000 }).toBeGreaterThan(budget / 3);
  // 180 MB were offered. One caller gets half of the budget; another one is still answered.
  expect(most).toBeLessThanOrEqual(budget / 2);
  const small = envelope(
    toBinary(RecordEventsRequestSchema, create(RecordEventsRequestSchema, { events: [{}] })),
  );
  expect(grpcStatusOf(await rawCall(openHttp2(url), batch, as('key-other'), small))).toBe(0);

  const statuses = (await Promise.all(answers)).map(grpcStatusOf);
  clearInterval(watch);
  expect(new Set(statuses)).toEqual(new Set([4, 8]));
  expect(bytesInFlight()).toBe(0);
  expect(rss).toBeLessThan(100 * MiB);
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
