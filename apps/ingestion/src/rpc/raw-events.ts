import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { Message } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { invalidArgument } from '@parley/errors';
import { rawTwin } from '@parley/rpc';

// `repeated Event` and `repeated bytes` are the same on the wire. Read as bytes, each event is decoded once, by itself:
// a malformed one spoils no other, and what is stored are the bytes that came. Made here rather than in a proto file,
// since it is no part of the contract.
const file = create(FileDescriptorProtoSchema, {
  name: 'parley/ingestion/v1/raw_events.proto',
  package: 'parley.ingestion.v1.raw',
  syntax: 'proto3',
  messageType: [
    {
      name: 'RecordEventsRequest',
      field: [
        {
          name: 'events',
          jsonName: 'events',
          number: 1,
          label: FieldDescriptorProto_Label.REPEATED,
          type: FieldDescriptorProto_Type.BYTES,
        },
      ],
    },
  ],
});
const rawRequest = createFileRegistry(file, () => undefined).getMessage(
  'parley.ingestion.v1.raw.RecordEventsRequest',
);
const events = rawRequest?.field['events'];
if (rawRequest === undefined || events?.fieldKind !== 'list') {
  throw new Error('The raw twin of RecordEventsRequest could not be made.');
}
const rawEvents = { request: rawRequest, field: events };

/** `RecordEvents` under the same name, with its request read as bytes of events. */
export const recordEventsRaw = rawTwin(IngestionService.method.recordEvents, rawEvents.request);

/** How many events one request may hold. */
export const maxEventsPerRequest = 1000;

/**
 * The bytes of each event of a raw request.
 * @throws DomainError `invalid-argument` when there are none, or more than 1,000.
 */
export function eventBytesOf(request: Message): readonly Uint8Array[] {
  const list = reflect(rawEvents.request, request).get(rawEvents.field);
  if (list.size === 0 || list.size > maxEventsPerRequest) {
    throw invalidArgument([
      { field: 'events', description: `must hold 1 to ${maxEventsPerRequest} events, not ${list.size}` },
    ]);
  }
  return Array.from(list, (item) => {
    if (item instanceof Uint8Array) return item;
    throw new TypeError('The raw twin of RecordEventsRequest gave something else than bytes.');
  });
}
