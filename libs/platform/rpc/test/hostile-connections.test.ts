import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { EventLogService, TailRequestSchema } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import {
  IngestionService,
  RecordInteractionRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { sleep } from '@parley/runtime';
import { expect, onTestFinished, test } from 'vitest';
import type { RpcLimits } from '../src/index.ts';
import {
  answerOf,
  answersOf,
  endedTails,
  envelope,
  grpcStatusOf,
  interaction,
  lifeOf,
  openHttp2,
  openTcp,
  rawCall,
  startServer,
} from './harness.ts';

const single = `/${IngestionService.typeName}/RecordInteraction`;
const tail = `/${EventLogService.typeName}/Tail`;
const grpc = { authorization: 'Bearer key-ingest', 'content-type': 'application/grpc' };
const good = toBinary(RecordInteractionRequestSchema, create(RecordInteractionRequestSchema, interaction));

/** Limits that pass within a test. */
const short: Partial<RpcLimits> = { firstRequestMs: 300, messageMs: 300, idleMs: 600, writeMs: 300 };

function dripInto(write: (byte: string) => void, text: string): void {
  let at = 0;
  const timer = setInterval(() => write(text[at++ % text.length] ?? ''), 50);
  onTestFinished(() => clearInterval(timer));
}

test('a connection that says nothing is closed', async () => {
  const { port } = await startServer({ limits: short });
  const life = await lifeOf(await openTcp(port));
  expect(life).toBeGreaterThan(200);
  expect(life).toBeLessThan(2000);
});

test('headers that come one byte at a time are cut off, in HTTP/1 and in HTTP/2', async () => {
  const { port } = await startServer({ limits: short });
  const http1 = await openTcp(port);
  dripInto((byte) => http1.writable && http1.write(byte), 'GET /livez HTTP/1.1\r\nx-slow: 1234567890');
  const preface = await openTcp(port);
  dripInto((byte) => preface.writable && preface.write(byte), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const http2 = await openTcp(port);
  http2.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  dripInto((byte) => http2.writable && http2.write(byte), '\0\0\x04\x08\0\0\0\0\0');
  const lives = await Promise.all([lifeOf(http1), lifeOf(preface), lifeOf(http2)]);
  expect(Math.max(...lives)).toBeLessThan(3000);
});

test('an HTTP/2 connection that opens properly but sends no request is closed', async () => {
  const { url } = await startServer({ limits: short });
  const session = openHttp2(url);
  await once(session, 'connect');
  const before = performance.now();
  await once(session, 'close');
  expect(performance.now() - before).toBeLessThan(3000);
});

test('a connection without calls is closed after its idle time, in HTTP/1 and in HTTP/2', async () => {
  const { url, port } = await startServer({ limits: short });
  const session = openHttp2(url);
  await rawCall(session, single, grpc, envelope(good));
  const http1 = await openTcp(port);
  http1.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(http1, 'data');
  const before = performance.now();
  const ends = async (ended: Promise<unknown>) => {
    await ended;
    return performance.now() - before;
  };
  const lives = await Promise.all([ends(once(session, 'close')), ends(lifeOf(http1))]);
  expect(Math.min(...lives)).toBeGreaterThan(400);
  expect(Math.max(...lives)).toBeLessThan(5000);
});

test('a message that comes one byte at a time is ended, over gRPC and over Connect', async () => {
  const { url, port } = await startServer({ limits: short });
  const stream = openHttp2(url).request({ ':method': 'POST', ':path': single, te: 'trailers', ...grpc });
  const answer = answerOf(stream);
  stream.write(envelope(good).subarray(0, 6));
  dripInto((byte) => stream.writable && stream.write(byte), 'a');
  expect(grpcStatusOf(await answer)).toBe(4);

  const http1 = await openTcp(port);
  http1.write(
    `POST ${single} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-ingest\r\n` +
      'content-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
  );
  dripInto((byte) => http1.writable && http1.write(byte), ' ');
  const [first] = (await once(http1, 'data')) as [Buffer];
  expect(first.toString()).toMatch(/^HTTP\/1\.1 504 /);
  expect(first.toString()).toContain('x-request-id');
  expect(await lifeOf(http1)).toBeLessThan(3000);
});

test('more connections than allowed are closed, and room is made when others leave', async () => {
  const { port, url } = await startServer({ limits: { maxConnections: 3 } });
  const open = await Promise.all([openTcp(port), openTcp(port), openTcp(port)]);
  expect(await lifeOf(await openTcp(port))).toBeLessThan(3000);
  open.forEach((socket) => void socket.destroy());
  await sleep(50);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test('a connection is told to open 128 streams at most', async () => {
  const { url } = await startServer();
  const session = openHttp2(url);
  const [settings] = (await once(session, 'remoteSettings')) as [{ maxConcurrentStreams: number }];
  expect(settings.maxConcurrentStreams).toBe(128);
});

test('a rapid reset ends the connection', async () => {
  const { url } = await startServer();
  const session = openHttp2(url);
  await once(session, 'connect');
  const before = performance.now();
  const closed = new Promise((resolve) => session.once('close', resolve));
  const flood = setInterval(() => {
    for (let i = 0; i < 50 && !session.destroyed && !session.closed; i++) {
      const stream = session.request({ ':method': 'POST', ':path': single, ...grpc });
      stream.on('error', () => undefined);
      stream.close(8);
    }
  }, 5);
  onTestFinished(() => clearInterval(flood));
  await closed;
  expect(performance.now() - before).toBeLessThan(5000);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test('headers of more than 16 KiB are refused, with a status that each protocol understands', async () => {
  const { url } = await startServer();
  const large = 'a'.repeat(17 * 1024);
  const session = connectHttp2(url, { maxSendHeaderBlockLength: 1_000_000 });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  expect(grpcStatusOf(await rawCall(session, single, { ...grpc, 'x-large': large }, envelope(good)))).toBe(8);
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-${i}`, 'a']));
  const answer = await rawCall(
    session,
    single,
    { ...grpc, ...many, 'content-type': 'application/json' },
    good,
  );
  expect(answer.headers[':status']).toBe(431);
  expect(
    (await fetch(url + single, { method: 'POST', headers: { 'x-large': large }, body: '{}' })).status,
  ).toBe(431);
});

test('bytes that are no HTTP end the connection, and nothing else', async () => {
  const { url, port } = await startServer();
  for (const junk of [
    'hello\r\n\r\n',
    '\x16\x03\x01\x02\0\x01',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense, and more of it',
  ]) {
    const socket = await openTcp(port);
    socket.write(junk);
    expect(await lifeOf(socket)).toBeLessThan(3000);
  }
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test('a stream that its client does not read is cut off, and holds no more than its buffers', async () => {
  const { url, lines } = await startServer({ limits: short });
  const session = openHttp2(url);
  const stream = session.request({
    ':method': 'POST',
    ':path': tail,
    te: 'trailers',
    ...grpc,
    authorization: 'Bearer service',
  });
  stream.on('error', () => undefined);
  stream.end(envelope(toBinary(TailRequestSchema, create(TailRequestSchema, { partition: 3 }))));
  const before = performance.now();
  await once(stream, 'response');
  // Nothing is read, so the window fills up and stays full.
  const timer = setInterval(() => undefined, 100);
  onTestFinished(() => clearInterval(timer));
  while (!lines.some(({ msg, method }) => msg === 'call' && method === tail.slice(1))) {
    expect(performance.now() - before).toBeLessThan(10_000);
    await sleep(20);
  }
  expect(performance.now() - before).toBeGreaterThan(200);
  await expect.poll(() => endedTails.has(3)).toBe(true);
});

test('a handler ends when the client of its stream leaves', async () => {
  const { url } = await startServer();
  const stop = new AbortController();
  const client = createClient(EventLogService, createGrpcTransport({ baseUrl: url }));
  const answers = answersOf(
    client.tail({ partition: 1 }, { headers: { authorization: 'Bearer service' }, signal: stop.signal }),
  );
  await answers.next();
  stop.abort();
  await expect.poll(() => endedTails.has(1)).toBe(true);
});

test('a stream that is read slowly, but is read, goes on', async () => {
  const { url } = await startServer({ limits: { ...short, writeMs: 1000 } });
  const client = createClient(EventLogService, createGrpcTransport({ baseUrl: url }));
  let count = 0;
  for await (const { headOffset } of client.tail(
    { partition: 3 },
    { headers: { authorization: 'Bearer service' } },
  )) {
    expect(headOffset).toBe(BigInt(count));
    count += 1;
    await sleep(100);
    if (count === 15) break;
  }
  expect(count).toBe(15);
});
