import { create, createFileRegistry, toBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import { rawTwin } from '../src/index.ts';
import { startServer } from './harness.ts';

/** `message RawEvents { repeated bytes events = 1; }` */
function rawEventsSchema() {
  const set = create(FileDescriptorSetSchema, {
    file: [
      {
        name: 'test/raw.proto',
        package: 'test',
        syntax: 'proto3',
        messageType: [
          {
            name: 'RawEvents',
            field: [{ name: 'events', number: 1, type: Type.BYTES, label: Label.REPEATED }],
          },
        ],
      },
    ],
  });
  return createFileRegistry(set).getMessage('test.RawEvents') ?? expect.fail('no message');
}

test('a raw twin reads binary batches as they came, and JSON goes to the method itself', async () => {
  const seen: Uint8Array[] = [];
  const { url: baseUrl } = await startServer({
    binaryRoutes: (router) => {
      router.rpc(rawTwin(IngestionService.method.recordEvents, rawEventsSchema()), (request) => {
        const events: unknown = Reflect.get(request, 'events');
        if (Array.isArray(events)) seen.push(...events.filter((item) => item instanceof Uint8Array));
        return {};
      });
    },
  });
  const events = [{ eventId: 'e-1' }, { eventId: 'e-2' }];
  const headers = { authorization: 'Bearer key-ingest' };
  const resultsOver = async (transport: Parameters<typeof createClient>[1]): Promise<number> =>
    (await createClient(IngestionService, transport).recordEvents({ events }, { headers })).results.length;
  const binary = [
    createGrpcTransport({ baseUrl }),
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
    createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true }),
  ];
  for (const transport of binary) expect(await resultsOver(transport)).toBe(0);
  const sent = events.map((event) => Buffer.from(toBinary(EventSchema, create(EventSchema, event))));
  expect(seen.map((item) => Buffer.from(item))).toEqual([...sent, ...sent, ...sent]);

  const json = [
    createGrpcTransport({ baseUrl, useBinaryFormat: false }),
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  ];
  for (const transport of json) expect(await resultsOver(transport)).toBe(2);
  expect(seen).toHaveLength(6);
});
