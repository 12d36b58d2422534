import { toJson } from '@bufbuild/protobuf';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import { findEventKind } from '@parley/event';
import type { MemberEvent, QuarantinedMemberEvent } from '../storage/member-events.sql.ts';

/** An event as a line: its kind, its times, and its content by the contract's names. */
export function memberEventLine({ kind, occurredAt, receivedAt, event }: MemberEvent): string {
  return line({
    type: 'event',
    kind: findEventKind(kind) ?? String(kind),
    event_id: idOf(event),
    occurred_at: occurredAt.toISOString(),
    ...(event.sentAt && { sent_at: timestampDate(event.sentAt).toISOString() }),
    received_at: receivedAt.toISOString(),
    content: contentOf(event),
  });
}

/** What is in quarantine as a line; bytes that can't be read, or hold what JSON can't, as they are, in base64. */
export function quarantinedEventLine(quarantined: QuarantinedMemberEvent): string {
  const { quarantineId, receivedAt, reason, message, event, body } = quarantined;
  const content = event && findContent(event);
  return line({
    type: 'quarantined_event',
    quarantine_id: quarantineId,
    received_at: receivedAt.toISOString(),
    reason,
    message,
    ...(event === undefined || content === undefined
      ? { body: Buffer.from(body).toString('base64') }
      : { kind: event.payload.case ?? '', event_id: idOf(event), content }),
  });
}

/** Whether an event says what somebody wrote, or was answered. */
export function holdsTexts({ payload }: Event): boolean {
  switch (payload.case) {
    case 'interaction':
      return payload.value.messageText !== '' || payload.value.responseText !== '';
    case 'completion':
      return payload.value.responseText !== '';
    case 'conversion':
      return payload.value.triggerMessage !== '' || payload.value.botMessage !== '';
    case 'feedback':
      return payload.value.comment !== '';
    default:
      return false;
  }
}

/** A completion's id is its interaction's. */
function idOf({ eventId, payload }: Event): string {
  return payload.case === 'completion' && eventId === '' ? payload.value.interactionId : eventId;
}

function contentOf(event: Event): JsonValue {
  const { payload } = event;
  if (payload.case === undefined) return {};
  const json = toJson(EventSchema, event, { useProtoFieldName: true });
  const name = EventSchema.field[payload.case].name;
  return isObject(json) ? (json[name] ?? {}) : {};
}

/** Undefined where it holds what JSON can't: a time beyond the year 9999, a number that is none. */
function findContent(event: Event): JsonValue | undefined {
  try {
    return contentOf(event);
  } catch {
    return undefined;
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function line(value: JsonObject): string {
  return `${JSON.stringify(value)}\n`;
}
