import { equals, fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';

/** Whether an event says the same as a stored one, by value, whatever the order of fields. The id is known to be the same. */
export function isSameContent(event: Event, stored: Uint8Array): boolean {
  const other = fromBinary(EventSchema, stored, { readUnknownFields: false });
  return equals(EventSchema, contentOf(event), contentOf(other));
}

/** What the producer said; of an event that is kept, without what Parley read of it. */
function contentOf({ sentAt: _sentAt, payload, ...content }: Event): Event {
  if (payload.case !== 'interaction') return { ...content, payload, eventId: '' };
  const { understanding: _understanding, ...value } = payload.value;
  return { ...content, payload: { case: 'interaction', value }, eventId: '' };
}
