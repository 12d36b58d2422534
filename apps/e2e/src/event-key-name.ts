import type { Event } from '@parley/contracts/parley/ingestion/v1/event';

/** What makes an event one and the same: its kind and its id. A completion's id is its interaction's. */
export function eventKeyName({ eventId, payload }: Event): string {
  return `${payload.case ?? 'nothing'} ${payload.case === 'completion' ? payload.value.interactionId : eventId}`;
}
