import { hash } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Message } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Tenant } from '@parley/access';
import { EventSchema, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { FieldViolation } from '@parley/errors';
import { eventKeyOf, eventKinds } from '@parley/event';
import type { EventKindNumber } from '@parley/event';
import type { MessageValidator } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import type { TextToRead } from '../language/reading-protocol.ts';
import type { CandidateEvent, RefusalReason, RefusedEvent } from '../use-cases/candidate-event.ts';
import { correctTime } from '../event-content/correct-time.ts';
import { isSameContent } from '../event-content/same-content.ts';
import { findBrokenRules } from './event-rules.ts';

export interface EventCheckDependencies {
  readonly validator: MessageValidator;
  readonly now: Now;
  /** Makes the id of an event that came without one: a UUIDv7. */
  readonly newEventId: () => string;
}

/** Says of one event whether it may be recorded for this tenant. */
export interface EventCheck {
  /** An event as bytes, decoded here, once. The bytes are what is kept, unless something in them has to change. */
  bytes(tenant: Tenant, bytes: Uint8Array): CandidateEvent;
  /** An event that came decoded. */
  message(tenant: Tenant, event: Event): CandidateEvent;
  /**
   * An event that came before and has waited since: its times are told by the clock of then. That it is sent again says
   * nothing about its producer's clock, so its `sent_at` is left out.
   */
  waited(tenant: Tenant, event: Event | Uint8Array, cameAt: Date): CandidateEvent;
}

/** An event may be this far ahead of the service's clock. */
const maxAheadMs = 24 * 3_600_000;
/** As deep as attributes may nest, three messages a level, and some for the event itself. */
const recursionLimit = 32;

/** Makes the check of single events: a bad one says nothing about the others of its batch. */
export function createEventCheck({ validator, now, newEventId }: EventCheckDependencies): EventCheck {
  function check(tenant: Tenant, event: Event, came: Uint8Array, cameAt?: Date): CandidateEvent {
    const kind = kindOf(event);
    const givenId = idOf(event);
    const botId = botOf(event);
    const refuse = (
      reason: RefusalReason,
      message: string,
      violations: readonly FieldViolation[] = [],
    ): CandidateEvent => ({
      isRefused: true,
      botId,
      eventId: givenId,
      kind,
      reason,
      message,
      violations,
      body: came,
    });

    if (kind !== undefined && ownKinds.has(kind)) {
      return refuse('KIND_NOT_ALLOWED', 'Events of this kind are written by Parley alone.');
    }
    const violations = [...validator.validate(EventSchema, event), ...findBrokenRules(event)];
    if (violations.length > 0 || kind === undefined) {
      return refuse('INVALID_FIELDS', describe(violations), violations);
    }
    const at = now();
    const reportedAt = event.occurredAt && timestampDate(event.occurredAt);
    const sentAt = event.sentAt && timestampDate(event.sentAt);
    const occurredAt = reportedAt ? correctTime(reportedAt, sentAt, cameAt ?? at) : cameAt;
    if (occurredAt !== undefined && occurredAt.getTime() > at.getTime() + maxAheadMs) {
      return refuse('TOO_FAR_AHEAD', 'The event would occur more than 24 hours from now.', [
        { field: 'occurred_at', description: 'must be at most 24 hours ahead', reason: 'TOO_FAR_AHEAD' },
      ]);
    }

    const eventId = givenId || newEventId();
    const unread = unreadOf(event);
    return {
      isRefused: false,
      botId,
      eventId,
      event: {
        partition: tenant.partition,
        tenantId: tenant.tenantId,
        kind,
        eventKey: eventKeyOf(eventId),
        fingerprint: hash('sha256', came, 'buffer').readBigInt64BE(0),
        occurredAt,
        reportedAt,
        body: givenId === '' ? encode({ ...event, eventId }) : mayHoldUnknown(event) ? encode(event) : came,
        sameContentAs: (stored) => isSameContent(event, stored),
      },
      ...(unread && { unread }),
    };
  }

  return {
    bytes(tenant, bytes) {
      const event = decode(bytes);
      return 'isRefused' in event ? event : check(tenant, event, bytes);
    },
    message: (tenant, event) => check(tenant, event, encode(event)),
    waited(tenant, came, cameAt) {
      const event = came instanceof Uint8Array ? decode(came) : came;
      if ('isRefused' in event) return event;
      const checked = check(tenant, event, encode(event), cameAt);
      if (checked.isRefused || event.sentAt === undefined) return checked;
      const { sentAt: _sentAt, ...unsent } = { ...event, eventId: checked.eventId };
      return { ...checked, event: { ...checked.event, body: encode(unsent) } };
    },
  };
}

function decode(bytes: Uint8Array): Event | RefusedEvent {
  try {
    return fromBinary(EventSchema, bytes, { recursionLimit });
  } catch (error) {
    return {
      isRefused: true,
      botId: '',
      eventId: '',
      kind: undefined,
      reason: 'MALFORMED',
      message: `The bytes are no event: ${error instanceof Error ? error.message : String(error)}.`,
      violations: [],
      body: bytes,
    };
  }
}

/** What only Parley writes. */
const ownKinds: ReadonlySet<EventKindNumber> = new Set([
  eventKinds.enrichment,
  eventKinds.consent,
  eventKinds.erasure,
  eventKinds.tick,
]);

function kindOf({ payload }: Event): EventKindNumber | undefined {
  if (payload.case === undefined) return undefined;
  return payload.case === 'botPerformanceMetric'
    ? eventKinds.bot_performance_metric
    : eventKinds[payload.case];
}

/** The producer's id; empty when it gave none. A completion's is its interaction's. */
function idOf({ eventId, payload }: Event): string {
  return payload.case === 'completion' && eventId === '' ? payload.value.interactionId : eventId;
}

/** Empty where there is none, or what stands there can't be the id of one. */
function botOf({ payload: { value } }: Event): string {
  const botId = value !== undefined && 'botId' in value ? value.botId : '';
  return botId.length <= 200 && !botId.includes('\0') && botId.isWellFormed() ? botId : '';
}

/**
 * Whether the bytes may hold what the decoded event does not show, which nobody could redact later. Of attributes only
 * their JSON is decoded, so nothing can be said of their bytes.
 */
function mayHoldUnknown({ $unknown, occurredAt, sentAt, payload }: Event): boolean {
  if (hasUnknown({ $unknown }) || hasUnknown(occurredAt) || hasUnknown(sentAt) || hasUnknown(payload.value))
    return true;
  if (payload.value !== undefined && 'attributes' in payload.value && payload.value.attributes !== undefined)
    return true;
  return (payload.case === 'conversion' || payload.case === 'refund') && hasUnknown(payload.value.value);
}

function hasUnknown(message: Pick<Message, '$unknown'> | undefined): boolean {
  return message?.$unknown !== undefined && message.$unknown.length > 0;
}

function encode(event: Event): Uint8Array {
  return toBinary(EventSchema, event, { writeUnknownFields: false });
}

/** The text of an interaction that does not say both its intent and its sentiment. */
function unreadOf({ payload }: Event): TextToRead | undefined {
  if (payload.case !== 'interaction') return undefined;
  const { messageText: text, intent, sentiment } = payload.value;
  const wantsIntent = intent === '';
  const wantsSentiment = sentiment === Sentiment.UNSPECIFIED;
  return text !== '' && (wantsIntent || wantsSentiment) ? { text, wantsIntent, wantsSentiment } : undefined;
}

function describe(violations: readonly FieldViolation[]): string {
  return violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
}
