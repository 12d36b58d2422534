import type { EventKindNumber } from './event-kind.ts';

/** One event of the log. Times are kept to the millisecond; what is finer is cut off. */
export interface LogEvent {
  /** The event's place in its partition: from 1, without gaps. */
  readonly offset: bigint;
  /** UUID text; all zero for ticks, which belong to nobody. */
  readonly tenantId: string;
  readonly kind: EventKindNumber;
  /** UUID text; see `eventKeyOf`. */
  readonly eventKey: string;
  readonly occurredAt: Date;
  /** Never before that of the event before it in the partition. */
  readonly receivedAt: Date;
  /** A `parley.ingestion.v1.Event` as bytes; undefined: erased or expired. */
  readonly body: Uint8Array | undefined;
}

/** Events that follow each other without a gap; none when there is nothing new. */
export interface LogBatch {
  readonly events: readonly LogEvent[];
  /** The offset of the partition's last event when this was read. */
  readonly headOffset: bigint;
}

/** Where a projection reads: the log itself inside ingestion, its Tail everywhere else. */
export interface LogSource {
  /** The offset of each partition's last event, by partition; 0 while it is empty. */
  heads(signal: AbortSignal): Promise<ReadonlyMap<number, bigint>>;
  /**
   * One partition from after an offset on, without end; ends when the signal aborts, throws when the source fails.
   * While nothing happens, an empty batch comes every few seconds.
   */
  tail(options: TailOptions): AsyncIterable<LogBatch>;
  /**
   * What of raw events has been taken from the log, or is about to be: the seals of higher number than `confirmed`, in the
   * order of their numbers. Says for `reader` that it needs nothing of what the seals up to `confirmed` take away. Nothing
   * is taken away before everyone who has ever asked has said so.
   */
  seals(options: SealOptions): Promise<readonly RawSeal[]>;
}

export interface SealOptions {
  /** A projection's name. */
  readonly reader: string;
  /** What was confirmed stays so, whatever is said later; 0 asks for all. */
  readonly confirmed: bigint;
  readonly signal: AbortSignal;
}

/** How far the raw events of a tenant have expired, or are about to. It only ever moves on; a tenant has at most one. */
export interface RawSeal {
  /** Above those that were set before, of whichever tenant. */
  readonly number: bigint;
  readonly partition: number;
  readonly tenantId: string;
  /** The start of a UTC day: what was received before it is not to be read any more, whether its body is still there or not. */
  readonly receivedBefore: Date;
  /**
   * A day later, since a producer's clock may be a day ahead: what occurred before comes in no more, and everything that
   * occurred since was received since `receivedBefore`.
   */
  readonly occurredBefore: Date;
  /** The offset of the last event that was received before `receivedBefore`. */
  readonly throughOffset: bigint;
}

export interface TailOptions {
  readonly partition: number;
  readonly afterOffset: bigint;
  /** How many events a batch holds at most, 1 to 5,000. */
  readonly maxBatchSize: number;
  readonly signal: AbortSignal;
}

/** The tenant of events that belong to nobody. */
export const nobody = '00000000-0000-0000-0000-000000000000';
