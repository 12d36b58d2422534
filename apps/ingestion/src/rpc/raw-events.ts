import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { DescMessage, Message } from '@bufbuild/protobuf';
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
const eventsField = {
  name: 'events',
  jsonName: 'events',
  number: 1,
  label: FieldDescriptorProto_Label.REPEATED,
  type: FieldDescriptorProto_Type.BYTES,
};
const sequenceField = {
  name: 'sequence',
  jsonName: 'sequence',
  number: 2,
  label: FieldDescriptorProto_Label.OPTIONAL,
  type: FieldDescriptorProto_Type.INT64,
};
const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'parley/ingestion/v1/raw_events.proto',
    package: 'parley.ingestion.v1.raw',
    syntax: 'proto3',
    messageType: [
      { name: 'RecordEventsRequest', field: [eventsField] },
      { name: 'IngestEventsRequest', field: [eventsField, sequenceField] },
    ],
  }),
  () => undefined,
);

/** `RecordEvents` under the same name, with its request read as bytes of events. */
export const recordEventsRaw = rawTwin(
  IngestionService.method.recordEvents,
  twinOf(IngestionService.method.recordEvents.input),
);

/** The same of `IngestEvents`. */
export const ingestEventsRaw = rawTwin(
  IngestionService.method.ingestEvents,
  twinOf(IngestionService.method.ingestEvents.input),
);

function twinOf({ name }: DescMessage): DescMessage {
  const twin = registry.getMessage(`parley.ingestion.v1.raw.${name}`);
  if (twin === undefined) throw new Error(`The raw twin of ${name} could not be made.`);
  return twin;
}

/** How many events one request may hold. */
export const maxEventsPerRequest = 1000;

/**
 * The bytes of each event of a raw request.
 * @throws DomainError `invalid-argument` when there are none, or more than 1,000.
 */
export function eventBytesOf(request: Message): readonly Uint8Array[] {
  const list: unknown = Reflect.get(request, 'events');
  if (!Array.isArray(list)) throw new TypeError('A raw twin has no list of events.');
  return requireSome(list).map((item: unknown) => {
    if (item instanceof Uint8Array) return item;
    throw new TypeError('A raw twin gave something else than bytes.');
  });
}

/** @throws DomainError `invalid-argument` when there are no events, or more than 1,000. */
export function requireSome<Item>(events: readonly Item[]): readonly Item[] {
  if (events.length > 0 && events.length <= maxEventsPerRequest) return events;
  throw invalidArgument([
    { field: 'events', description: `must hold 1 to ${maxEventsPerRequest} events, not ${events.length}` },
  ]);
}

/**
 * The producer's number of a raw batch.
 * @throws DomainError `invalid-argument` when it is negative.
 */
export function sequenceOf(request: Message): bigint {
  const sequence: unknown = Reflect.get(request, 'sequence');
  if (typeof sequence !== 'bigint') throw new TypeError('A raw twin has no sequence.');
  if (sequence >= 0n) return sequence;
  throw invalidArgument([{ field: 'sequence', description: 'must not be negative' }]);
}
