import type { Transaction } from '@parley/database';
import type { EventKindNumber, LogSource } from '@parley/event';

/** An event that is to be kept. */
export interface NewEvent {
  /** Where its tenant lives. */
  readonly partition: number;
  /** UUID text. */
  readonly tenantId: string;
  readonly kind: EventKindNumber;
  /** UUID text in lower case; see `eventKeyOf`. Unique within partition, tenant and kind. */
  readonly eventKey: string;
  /** 64 bits, signed, of a hash of the bytes that came. */
  readonly fingerprint: bigint;
  /** Undefined: when it is received. */
  readonly occurredAt: Date | undefined;
  /** What the producer's clock said, where it is known to be wrong; a repeat is sought from the earlier of both on. */
  readonly reportedAt?: Date | undefined;
  /** A `parley.ingestion.v1.Event` as bytes; not to be changed while the call lasts. */
  readonly body: Uint8Array;
  /**
   * Whether the body that is kept under the same key says the same as this one. Asked only where the fingerprints
   * differ, while the partition is locked.
   */
  readonly sameContentAs: (stored: Uint8Array) => boolean;
  /** What else is to be written in the transaction that keeps it, under its partition's lock. Only if it is new. */
  readonly also?: (tx: Transaction, offset: bigint) => Promise<void>;
}

/** Why an event may not be stored: consent forbids it, its member was erased, or what is as old has expired. */
export type RefusalReason = 'NO_CONSENT' | 'MEMBER_ERASED' | 'TOO_OLD';

/**
 * What became of an event:
 * - `accepted`: it is kept, at this offset;
 * - `duplicate`: it was there already, at this offset, with the same content or with one that has been erased;
 * - `conflict`: another one of the same key is kept, at this offset; this one is not;
 * - `refused`: it may not be stored, and no trace of its content is.
 */
export type AppendResult =
  | { readonly outcome: 'accepted' | 'duplicate' | 'conflict'; readonly offset: bigint }
  | {
      readonly outcome: 'refused';
      readonly reason: RefusalReason;
      /** Of what is too old: what occurred before this is refused. */
      readonly tooOldBefore?: Date | undefined;
    };

/** The append-only log of everything that happened. */
export interface EventLog extends LogSource {
  /**
   * Keeps events that are new and tells what became of each, in the order given. Whatever the outcome, when this
   * resolves it is durable: committed, on the standbys too where the server waits for them. A repeat is known for as
   * long as its event is kept, sought from the month of its `occurredAt`, or `reportedAt`, on, without one in the last 35 days.
   *
   * A call is not atomic: when it fails, any of its events may have been kept, and repeating it is safe. An abort of
   * the signal takes the call out while it waits; afterwards it has no effect.
   *
   * Throws DomainError: `resource-exhausted` (LOG_QUEUE_FULL) at once when too much is waiting; `unavailable` when the
   * database fails or the log is closing; `not-found` (UNKNOWN_PARTITION); `invalid-argument` (APPEND_TOO_LARGE).
   */
  append(events: readonly NewEvent[], signal?: AbortSignal): Promise<AppendResult[]>;
  /** Refuses new calls, finishes what waits within 10 s and fails the rest and all tails with `unavailable`. */
  close(): Promise<void>;
}
