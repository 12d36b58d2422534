import type { FieldViolation } from '@parley/errors';
import type { EventKindNumber } from '@parley/event';
import type { TextToRead } from '../language/reading-protocol.ts';
import type { NewEvent } from '../event-log/event-log.ts';

/** Why an event can't be accepted; stable words that producers act on. */
export type RefusalReason =
  | 'INVALID_FIELDS'
  | 'MALFORMED'
  | 'TOO_FAR_AHEAD'
  | 'KIND_NOT_ALLOWED'
  | 'EVENT_CONFLICT'
  | 'TOO_MANY_BOTS'
  | 'NO_CONSENT'
  | 'MEMBER_ERASED'
  | 'TOO_OLD';

/** An event that keeps all rules and may go into the log. */
export interface CheckedEvent {
  readonly isRefused: false;
  /** The bot that it is about; empty: none, or not said. */
  readonly botId: string;
  /** The producer's id, or the one that was made for it. */
  readonly eventId: string;
  readonly event: NewEvent;
  /** Its text, where it does not say both intent and sentiment. */
  readonly unread?: TextToRead;
}

/** An event that breaks a rule, with all that is needed to tell its producer and to keep it in quarantine. */
export interface RefusedEvent {
  readonly isRefused: true;
  /** The bot that it is about; empty: none, not said, or it could not be read. */
  readonly botId: string;
  /** Empty when it could not be read. */
  readonly eventId: string;
  /** Undefined when it could not be read. */
  readonly kind: EventKindNumber | undefined;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly violations: readonly FieldViolation[];
  /** The bytes that came. */
  readonly body: Uint8Array;
}

/** What became of reading and checking one event. */
export type CandidateEvent = CheckedEvent | RefusedEvent;
