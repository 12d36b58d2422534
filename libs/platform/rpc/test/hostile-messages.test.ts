import { gzipSync } from 'node:zlib';
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import {
  IngestionService,
  RecordInteractionRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import { batchMessageBytes, defaultLimits } from '../src/index.ts';
import { answerOf, envelope, grpcStatusOf, interaction, openHttp2, rawCall, startServer } from './harness.ts';

const single = `/${IngestionService.typeName}/RecordInteraction`;
const batch = `/${IngestionService.typeName}/RecordEvents`;
const authorization = 'Bearer key-ingest';
const good = toBinary(RecordInteractionRequestSchema, create(RecordInteractionRequestSchema, interaction));

/** What a server answers to the same message in each protocol: gRPC codes, and HTTP's status for Connect. */
async function answersTo(message: Uint8Array, { path = single } = {}) {
  const { url } = await startServer();
  const session = openHttp2(url);
  const grpc = await rawCall(
    session,
    path,
    { authorization, 'content-type': 'application/grpc' },
    envelope(message),
  );
  const web = await rawCall(
    session,
    path,
    { authorization, 'content-type': 'application/grpc-web+proto' },
    envelope(message),
  );
  const connect = await fetch(url + path, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/proto' },
    body: new Uint8Array(message),
  });
  const error: unknown = connect.status === 200 ? {} : await connect.json();
  return { grpc: grpcStatusOf(grpc), web: grpcStatusOf(web), http: connect.status, error };
}

async function jsonAnswer(body: string, headers: Readonly<Record<string, string>> = {}) {
  const { url } = await startServer();
  const response = await fetch(url + single, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** One field of a message: its number, wire type 2 and these bytes. */
function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}

const malformed: readonly (readonly [string, Uint8Array])[] = [
  ['a varint without end', Buffer.alloc(11, 0xff)],
  ['field number 0', Buffer.from([0x02, 0x00])],
  ['wire type 7', Buffer.from([0x0f])],
  ['an end of a group that did not begin', Buffer.from([0x0c])],
  ['a field that is cut', Buffer.from([0x0a, 0x05, 0x61])],
  ['a message that is cut', good.subarray(0, good.length - 3)],
  ['invalid UTF-8', field(1, Buffer.from([0xc3, 0x28]))],
  ['an overlong encoding', field(1, Buffer.from([0xc0, 0x80]))],
  ['an encoded surrogate', field(1, Buffer.from([0xed, 0xa0, 0x80]))],
  ['groups nested 50,000 deep', Buffer.alloc(50_000, 0x1b)],
  ['30,000 groups, the last one open', Buffer.from('0b0c'.repeat(30_000), 'hex').subarray(0, -1)],
];

test.each(malformed)('%s is INVALID_ARGUMENT in every protocol', async (_what, bytes) => {
  const answers = await answersTo(bytes);
  expect(answers).toMatchObject({ grpc: 3, web: 3, http: 400, error: { code: 'invalid_argument' } });
  expect(answers.error).toMatchObject({ details: [{ type: 'google.rpc.ErrorInfo' }] });
});

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Lists in lists. */
function nestedJson(depth: number): string {
  return `${'['.repeat(depth)}${']'.repeat(depth)}`;
}

test('messages nest 32 deep at most, in binary and in JSON', async () => {
  const attributes = (json: string) =>
    `{"eventId":"e-1","interaction":{"botId":"b","attributes":{"a":${json}}}}`;
  expect((await jsonAnswer(attributes(nestedJson(5)))).status).toBe(200);
  expect(await jsonAnswer(attributes(nestedJson(40)))).toMatchObject({
    status: 400,
    body: { code: 'invalid_argument' },
  });
  expect(await jsonAnswer(nestedJson(20_000))).toMatchObject({
    status: 400,
    body: { code: 'invalid_argument' },
  });
});

test('a message above the limit of its method is RESOURCE_EXHAUSTED, one below is taken', async () => {
  const sized = (bytes: number) => field(1, Buffer.alloc(bytes - 4, 'a'));
  expect(await answersTo(sized(defaultLimits.maxMessageBytes + 1))).toMatchObject({
    grpc: 8,
    web: 8,
    http: 429,
  });
  // Valid as a message, though its id is too long.
  expect(await answersTo(sized(defaultLimits.maxMessageBytes - 10))).toMatchObject({
    grpc: 3,
    web: 3,
    http: 400,
  });
  expect(await answersTo(sized(batchMessageBytes + 1), { path: batch })).toMatchObject({
    grpc: 8,
    web: 8,
    http: 429,
  });
});

test('an envelope that promises 4 GiB is refused at once, and its stream is ended', async () => {
  const { url } = await startServer();
  const session = openHttp2(url);
  const head = envelope(Buffer.alloc(0), { length: 0xffffffff });
  const stream = session.request({
    ':method': 'POST',
    ':path': single,
    te: 'trailers',
    authorization,
    'content-type': 'application/grpc',
  });
  const answer = answerOf(stream);
  stream.write(head);
  // The request is left open; the server ends the stream all the same.
  expect(grpcStatusOf(await answer)).toBe(8);
});

test('a gzip bomb is RESOURCE_EXHAUSTED before it is inflated', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  expect(bomb.length).toBeLessThan(defaultLimits.maxMessageBytes + 1000);
  const { url } = await startServer();
  const session = openHttp2(url);
  const headers = { authorization, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' };
  const before = process.memoryUsage().rss;
  const answer = await rawCall(session, single, headers, envelope(bomb.subarray(0, 60_000), { flags: 1 }));
  expect(grpcStatusOf(answer)).toBe(8);
  const small = gzipSync(Buffer.alloc(1024 * 1024));
  expect(grpcStatusOf(await rawCall(session, single, headers, envelope(small, { flags: 1 })))).toBe(8);
  expect(process.memoryUsage().rss - before).toBeLessThan(30 * 1024 * 1024);
});

test('gzip that is cut or garbage is INVALID_ARGUMENT, an unknown encoding UNIMPLEMENTED', async () => {
  const { url } = await startServer();
  const session = openHttp2(url);
  const zipped = gzipSync(good);
  const statusOf = async (encoding: string, bytes: Uint8Array) => {
    const headers = { authorization, 'content-type': 'application/grpc', 'grpc-encoding': encoding };
    return grpcStatusOf(await rawCall(session, single, headers, envelope(bytes, { flags: 1 })));
  };
  expect(await statusOf('gzip', zipped)).toBe(0);
  expect(await statusOf('gzip', zipped.subarray(0, zipped.length - 10))).toBe(3);
  expect(await statusOf('gzip', Buffer.alloc(100, 7))).toBe(3);
  expect(await statusOf('snappy', good)).toBe(12);
});

test('a message that says it is compressed, but not how, is INVALID_ARGUMENT', async () => {
  const { url } = await startServer();
  const headers = { authorization, 'content-type': 'application/grpc' };
  const answer = await rawCall(openHttp2(url), single, headers, envelope(good, { flags: 1 }));
  expect(grpcStatusOf(answer)).toBe(3);
});

test('the wrong content-type, path or method gets 415, 404 or 405', async () => {
  const { url } = await startServer();
  const call = (path: string, init: RequestInit) => fetch(url + path, init).then(({ status }) => status);
  const json = { 'content-type': 'application/json', authorization };
  expect(await call(single, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' })).toBe(
    415,
  );
  expect(await call('/nothing/Here', { method: 'POST', headers: json, body: '{}' })).toBe(404);
  expect(await call(single, { method: 'PUT', headers: json, body: '{}' })).toBe(405);
});

test('no message, or two, in a unary call is UNIMPLEMENTED; half a one is INVALID_ARGUMENT', async () => {
  const { url } = await startServer();
  const session = openHttp2(url);
  const statusOf = async (bytes: Uint8Array) =>
    grpcStatusOf(
      await rawCall(session, single, { authorization, 'content-type': 'application/grpc' }, bytes),
    );
  expect(await statusOf(Buffer.alloc(0))).toBe(12);
  expect(await statusOf(Buffer.concat([envelope(good), envelope(good)]))).toBe(12);
  expect(await statusOf(envelope(good).subarray(0, 12))).toBe(3);
});

test.each([
  ['an unknown field', '{"eventId":"e-1","surprise":1}'],
  ['an unknown name of an enum', '{"feedback":{"rating":5},"kind":"NO_SUCH"}'],
  ['a duplicate of a field', '{"eventId":"e-1","event_id":"e-2"}'],
  ['a lone surrogate', '{"eventId":"\\ud800","interaction":{"botId":"b"}}'],
  ['the year 10000', '{"eventId":"e-1","occurredAt":"10000-01-01T00:00:00Z"}'],
  ['NaN', '{"eventId":"e-1","interaction":{"botId":"b","intentScore":"NaN"}}'],
  ['NUL in text', '{"eventId":"e-1","interaction":{"botId":"b","messageText":"a\\u0000b"}}'],
  [
    'NUL in an attribute',
    '{"eventId":"e-1","interaction":{"botId":"b","attributes":{"a":{"b":["\\u0000"]}}}}',
  ],
  ['no JSON at all', 'hello'],
  ['an array', '[]'],
  ['nothing', ''],
])('JSON with %s is INVALID_ARGUMENT', async (_what, body) => {
  expect(await jsonAnswer(body)).toMatchObject({ status: 400, body: { code: 'invalid_argument' } });
});

test.each([
  ['Infinity', { interaction: { botId: 'b', intentScore: Infinity } }, 'interaction.intent_score'],
  ['NaN', { interaction: { botId: 'b', intentScore: Number.NaN } }, 'interaction.intent_score'],
  ['a year beyond 9999', { occurredAt: { seconds: 2n ** 62n, nanos: 0 } }, 'occurred_at'],
  ['a year before 1', { occurredAt: { seconds: -(2n ** 63n), nanos: 0 } }, 'occurred_at'],
  ['negative nanos', { occurredAt: { seconds: 0n, nanos: -1 } }, 'occurred_at'],
  ['NUL', { interaction: { botId: 'b', messageText: 'a\0b' } }, 'interaction.message_text'],
  ['an id of 201 characters', { eventId: 'a'.repeat(201) }, 'event_id'],
])('a binary message with %s is INVALID_ARGUMENT and names the field', async (_what, change, path) => {
  const message = create(RecordInteractionRequestSchema, { ...interaction, ...change });
  const answers = await answersTo(toBinary(RecordInteractionRequestSchema, message));
  expect(answers).toMatchObject({ grpc: 3, web: 3, http: 400 });
  expect(JSON.stringify(answers.error)).toContain(`"field":"${path}"`);
});

test('unknown fields of a binary message are dropped', async () => {
  const unknown = Buffer.concat([good, field(5000, Buffer.from('secret'))]);
  expect(await answersTo(unknown)).toMatchObject({ grpc: 0, web: 0, http: 200 });
});

test('a batch of half a million empty items does not block the process', async () => {
  const { url } = await startServer();
  const session = openHttp2(url);
  const items = Buffer.from('0a00'.repeat(batchMessageBytes / 2), 'hex');
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  const headers = { authorization, 'content-type': 'application/grpc' };
  const answer = await rawCall(session, batch, headers, envelope(items));
  clearInterval(timer);
  expect(grpcStatusOf(answer)).toBe(3);
  expect(longest).toBeLessThan(1000);
});

test('random bytes and good messages with random changes are never a fault', async () => {
  const { url, lines } = await startServer({ limits: { callBurst: 1e6 } });
  const session = openHttp2(url);
  const random = randomFrom(12);
  const counts = new Map<number, number>();
  const one = async (): Promise<void> => {
    const method = IngestionService.methods[Math.floor(random() * IngestionService.methods.length)];
    const bytes = random() < 0.3 ? Buffer.alloc(Math.floor(random() * 200)) : Buffer.from(good);
    for (let left = 1 + Math.floor(random() * 8); left > 0 && bytes.length > 0; left--) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const cut = random() < 0.2 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
    const flags = random() < 0.05 ? Math.floor(random() * 256) : 0;
    const headers = { authorization, 'content-type': 'application/grpc' };
    const path = `/${IngestionService.typeName}/${method?.name ?? ''}`;
    const status = grpcStatusOf(await rawCall(session, path, headers, envelope(cut, { flags })));
    counts.set(status, (counts.get(status) ?? 0) + 1);
  };
  for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 50 }, one));
  // 0 answered, 3 malformed or against the rules, 12 a method that this server lacks.
  expect(
    [...counts.keys()].every((status) => [0, 3, 12].includes(status)),
    JSON.stringify([...counts]),
  ).toBe(true);
  expect(counts.get(3)).toBeGreaterThan(500);
  expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test('a good message survives all of this', async () => {
  expect(await answersTo(good)).toMatchObject({ grpc: 0, web: 0, http: 200 });
  const json = toJsonString(
    RecordInteractionRequestSchema,
    create(RecordInteractionRequestSchema, interaction),
  );
  expect((await jsonAnswer(json)).status).toBe(200);
});
