import type { Transaction } from '@parley/database';
import type { NewEvent, RefusalReason } from './event-log.ts';

/** Why an event may not be stored. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** Whose consent is missing; undefined where that is not the reason. */
  readonly cause: { readonly scope: string; readonly subject: Uint8Array } | undefined;
  /** Of what is too old: what occurred before this is refused. */
  readonly tooOldBefore?: Date;
}

/** An event as it may be stored, or why it may not. */
export interface JudgedEvent {
  /** Its body may be another one than came. */
  readonly event: NewEvent;
  /** Undefined: it may be stored. A repeat of a stored event is known as one all the same. */
  readonly refusal: Refusal | undefined;
}

export interface Judgement {
  /** In the order of the group. */
  readonly judged: readonly JudgedEvent[];
  /** Of each partition, the version of the rules that it was judged by. */
  readonly versions: ReadonlyMap<number, bigint>;
}

/**
 * Says which events may be stored, and as what. Whatever changes that raises `privacy_version` in the same transaction
 * as it takes the head's lock; so an append that finds another version under that lock judges again.
 */
export interface StorageRules {
  /** Outside any transaction. */
  judge(events: readonly NewEvent[]): Promise<Judgement>;
  /** The rules of these partitions are out of date. */
  forget(partitions: Iterable<number>): void;
  /** Writes down what was refused and is no repeat, in the transaction in which it was. */
  noteRefused(tx: Transaction, refused: readonly JudgedEvent[]): Promise<void>;
}

/** Rules have changed since the group was judged: nothing of it may be committed. */
export class RulesChanged extends Error {
  readonly partitions: readonly number[];

  constructor(partitions: readonly number[]) {
    super(`The rules of partitions ${partitions.join(', ')} have changed.`);
    this.name = 'RulesChanged';
    this.partitions = partitions;
  }
}
