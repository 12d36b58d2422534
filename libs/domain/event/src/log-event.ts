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
