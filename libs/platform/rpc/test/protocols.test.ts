import { credentials, makeGenericClientConstructor, Metadata, type ServiceError } from '@grpc/grpc-js';
import { createClient } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { createGrpcWebTransport as createBrowserTransport } from '@connectrpc/connect-web';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  IngestionService,
  RecordInteractionRequestSchema,
  RecordInteractionResponseSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { expect, onTestFinished, test } from 'vitest';
import { interaction, startServer, type TestServer } from './harness.ts';

const path = `/${IngestionService.typeName}/RecordInteraction`;
const asIngest = { headers: { authorization: 'Bearer key-ingest' } };

/** The call as a stranger makes it who knows nothing but gRPC. */
async function recordByGrpcJs({ port }: TestServer): Promise<string> {
  const Client = makeGenericClientConstructor({}, 'Ingestion');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer key-ingest');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  client.makeUnaryRequest(
    path,
    (bytes: Uint8Array) => Buffer.from(bytes),
    (bytes: Buffer) => fromBinary(RecordInteractionResponseSchema, bytes),
    toBinary(RecordInteractionRequestSchema, create(RecordInteractionRequestSchema, interaction)),
    metadata,
    {},
    (error: ServiceError | null, response) => (error ? reject(error) : resolve(response?.eventId ?? '')),
  );
  return promise;
}

test('grpc-js, gRPC, gRPC-Web and Connect clients and plain JSON make the same call on the same port', async () => {
  const server = await startServer();
  const baseUrl = server.url;
  const transports = [
    createGrpcTransport({ baseUrl }),
    createGrpcTransport({ baseUrl, useBinaryFormat: false }),
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
    createGrpcWebTransport({ baseUrl, httpVersion: '2' }),
    createBrowserTransport({ baseUrl, useBinaryFormat: true }),
    createConnectTransport({ baseUrl, httpVersion: '1.1' }),
    createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true }),
  ];
  for (const transport of transports) {
    const client = createClient(IngestionService, transport);
    expect((await client.recordInteraction(interaction, asIngest)).eventId).toBe('shop:e-1');
  }
  expect(await recordByGrpcJs(server)).toBe('shop:e-1');
  const response = await fetch(baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asIngest.headers },
    body: JSON.stringify(interaction),
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ eventId: 'shop:e-1' });
});

test('a server stream is read over gRPC, gRPC-Web and Connect', async () => {
  const { url: baseUrl } = await startServer();
  for (const transport of [
    createGrpcTransport({ baseUrl }),
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
    createBrowserTransport({ baseUrl, useBinaryFormat: true }),
    createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  ]) {
    const stop = new AbortController();
    const heads: bigint[] = [];
    const client = createClient(EventLogService, transport);
    const answers = client.tail(
      { partition: 0 },
      { headers: { authorization: 'Bearer service' }, signal: stop.signal },
    );
    for await (const { headOffset } of answers) {
      heads.push(headOffset);
      if (heads.length === 3) break;
    }
    expect(heads).toEqual([0n, 1n, 2n]);
  }
});
