import type { Transaction } from '@parley/database';
import type { LogEvent } from '@parley/event';

/** What a service computes from the log and keeps in its own tables. */
export interface Projection {
  /** With its service: `metrics.kpi`. */
  readonly name: string;
  /** Of its code: a higher one than that of the rows makes a new generation, which takes over when it has caught up. */
  readonly version: number;
  /**
   * Every table that the fold writes, ordinary ones, all with the columns `partition` and `generation`. Verification compares them row
   * by row; a generation that answers no more is deleted from them.
   */
  readonly tables: readonly ProjectionTable[];
  /**
   * Takes events into the tables. Runs in the transaction that also moves the checkpoint, so that the effect of each
   * event is exactly once. It must not depend on how events are batched, nor on a clock, and may run again: its only
   * effects are statements of `context.tx`. An error that says nothing about the events (see `isPassing`) is waited
   * out; after any other one the event at fault is found, parked, and may be replayed after later ones.
   */
  fold(context: FoldContext, events: readonly LogEvent[]): Promise<void>;
}

export interface ProjectionTable {
  /** Without the schema: `kpi_rollups`. */
  readonly name: string;
  /**
   * What to compare, as SQL expressions over a row, where it isn't simply every column but `generation`. Of types that
   * have an equality: `jsonb`, not `json`.
   */
  readonly compare?: readonly string[];
  /** Which rows are compared, as an SQL condition over a row; all unless told. For rows that mean the same as none. */
  readonly where?: string;
  /**
   * The column that says when what a row is about occurred: the start of a bucket, the time of a fact. A verification of a
   * stretch of time compares tables with such a column alone.
   */
  readonly time?: string;
  /**
   * Which rows `r` of a tenant whose raw events have expired can't be computed from the log any more, as an SQL condition
   * that may use `seal.received_before` and `seal.occurred_before` (see `RawSeal`); none unless told. A generation that is
   * computed beside the running one begins with copies of these. The table needs a column `tenant_id` then.
   */
  readonly sealed?: string;
}

export interface FoldContext {
  readonly tx: Transaction;
  readonly partition: number;
  /** Which of several sets of rows is being written; part of every key of the projection's tables. */
  readonly generation: number;
  /**
   * By tenant, while events are folded once more whose effect on what is sealed was copied already, so that they must not
   * change it again. Those that were received before a seal may come too, as long as their bodies are there. Undefined
   * while events are folded for the first time.
   */
  readonly seals?: ReadonlyMap<string, Seal>;
}

/** Of a tenant whose raw events have expired; see `RawSeal`. */
export interface Seal {
  readonly receivedBefore: Date;
  readonly occurredBefore: Date;
}

/** How far an answer reaches, read in the same snapshot as the answer. */
export interface ProjectionWatermark {
  /** Offset of the last event that is in the answer. */
  readonly position: bigint;
  /** Everything received until then is in the answer. */
  readonly completeTo: Date;
  /** How long the oldest event that is committed but not in the answer has been waiting; 0 when there is none. */
  readonly lagMs: number;
}
