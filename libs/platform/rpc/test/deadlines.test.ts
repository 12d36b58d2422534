import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { create, toBinary } from '@bufbuild/protobuf';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import {
  IngestionService,
  RecordInteractionRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import {
  answersOf,
  envelope,
  grpcStatusOf,
  interaction,
  openHttp2,
  rawCall,
  startServer,
} from './harness.ts';

const headers = { authorization: 'Bearer key-ingest' };
const path = `/${IngestionService.typeName}/RecordInteraction`;
const forBot = (botId: string) => ({ ...interaction, interaction: { ...interaction.interaction, botId } });
const transports = [
  ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
] as const;

/** How a call ended and after which time, in ms. */
async function timed(call: Promise<unknown>) {
  const before = performance.now();
  const code = await call.then(
    () => 0,
    (error: unknown) => ConnectError.from(error).code,
  );
  return { code, ms: performance.now() - before };
}

test('a deaf handler is answered for when the deadline has passed, by the server itself', async () => {
  const { url, lines } = await startServer();
  const message = create(RecordInteractionRequestSchema, forBot('deaf'));
  const bytes = toBinary(RecordInteractionRequestSchema, message);
  const before = performance.now();
  const [grpc, connect] = await Promise.all([
    rawCall(
      openHttp2(url),
      path,
      { ...headers, 'content-type': 'application/grpc', 'grpc-timeout': '150m' },
      envelope(bytes),
    ),
    fetch(url + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/proto', 'connect-timeout-ms': '150' },
      body: bytes,
    }),
  ]);
  expect(performance.now() - before).toBeLessThan(1500);
  expect(grpcStatusOf(grpc)).toBe(4);
  expect(connect.status).toBe(504);
  expect(lines.filter(({ code }) => code === 'DeadlineExceeded')).toHaveLength(2);
});

test('a call that names no deadline gets the default, by the server alone', async () => {
  const { url } = await startServer({ limits: { unaryDefaultMs: 150 } });
  const message = toBinary(
    RecordInteractionRequestSchema,
    create(RecordInteractionRequestSchema, forBot('deaf')),
  );
  const before = performance.now();
  const grpc = { ...headers, 'content-type': 'application/grpc' };
  expect(grpcStatusOf(await rawCall(openHttp2(url), path, grpc, envelope(message)))).toBe(4);
  expect(performance.now() - before).toBeLessThan(1500);
});

test.each(['99999999H', '60000001u', '100S'])(
  'a time-out of %s is cut to the longest allowed',
  async (timeout) => {
    const { url } = await startServer({ limits: { unaryMaxMs: 150 } });
    const grpc = { ...headers, 'content-type': 'application/grpc', 'grpc-timeout': timeout };
    const session = openHttp2(url);
    const bytes = (botId: string) =>
      envelope(
        toBinary(RecordInteractionRequestSchema, create(RecordInteractionRequestSchema, forBot(botId))),
      );
    expect(grpcStatusOf(await rawCall(session, path, grpc, bytes('b')))).toBe(0);
    const before = performance.now();
    expect(grpcStatusOf(await rawCall(session, path, grpc, bytes('deaf')))).toBe(4);
    expect(performance.now() - before).toBeLessThan(1500);
  },
);

test('a time-out that can not be read is INVALID_ARGUMENT', async () => {
  const { url } = await startServer();
  const bytes = envelope(
    toBinary(RecordInteractionRequestSchema, create(RecordInteractionRequestSchema, interaction)),
  );
  for (const timeout of ['1', 'S', '-1S', '123456789S', '1.5S', '1 S', 'x']) {
    const grpc = { ...headers, 'content-type': 'application/grpc', 'grpc-timeout': timeout };
    expect(grpcStatusOf(await rawCall(openHttp2(url), path, grpc, bytes)), timeout).toBe(3);
  }
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'connect-timeout-ms': 'soon' },
    body: '{}',
  });
  expect(response.status).toBe(400);
});

test.each(transports)(
  '%s: a stream ends at its deadline, also with a deaf handler',
  async (_name, transport) => {
    const { url } = await startServer();
    for (const partition of [1, 2]) {
      const answers = answersOf(
        createClient(EventLogService, transport(url)).tail(
          { partition },
          { headers: { authorization: 'Bearer service' }, timeoutMs: 1_000 },
        ),
      );
      expect((await answers.next()).value).toMatchObject({ headOffset: 0n });
      const { code, ms } = await timed(answers.next());
      expect(code).toBe(Code.DeadlineExceeded);
      expect(ms).toBeLessThan(5_000);
    }
  },
);

test('the signal of a handler is aborted when its client leaves', async () => {
  const { url, lines } = await startServer();
  const stop = new AbortController();
  const client = createClient(IngestionService, createGrpcTransport({ baseUrl: url }));
  setTimeout(() => stop.abort(), 100);
  await timed(client.recordInteraction(forBot('listening'), { headers, signal: stop.signal }));
  await expect
    .poll(() => lines.find(({ msg, code }) => msg === 'call' && code === 'Canceled'), { timeout: 2000 })
    .toBeDefined();
  expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
});
