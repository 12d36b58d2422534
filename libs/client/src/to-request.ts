import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { RecordEventsRequestSchema } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { RecordEventsRequest } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { QueuedEvent } from './event-queue.ts';

const eventsField = RecordEventsRequestSchema.field.events.number;

/**
 * A call's request, all of it sent at `sentAtMs`. The events' bytes go in as they are, without being decoded and encoded
 * again: a message writes fields that it does not know as they came, and the order of an event's fields is free.
 */
export function toRequest(events: readonly QueuedEvent[], sentAtMs: number): RecordEventsRequest {
  const sentAt = toBinary(EventSchema, create(EventSchema, { sentAt: timestampFromMs(sentAtMs) }));
  const request = create(RecordEventsRequestSchema);
  request.$unknown = events.map(({ bytes }) => ({
    no: eventsField,
    wireType: WireType.LengthDelimited,
    data: new BinaryWriter()
      .uint32(bytes.length + sentAt.length)
      .raw(bytes)
      .raw(sentAt)
      .finish(),
  }));
  return request;
}
