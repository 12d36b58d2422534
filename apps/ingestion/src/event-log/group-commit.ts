import { DomainError } from '@parley/errors';
import type { AppendResult, NewEvent } from './event-log.ts';

/** What a group commit may hold. */
export interface GroupCommitLimits {
  /** Transactions at a time. */
  readonly writers: number;
  /** Events in one transaction at most. */
  readonly eventsPerCommit: number;
  /** Bytes in one transaction, after which it takes no further call. */
  readonly bytesPerCommit: number;
  /** With fewer events waiting, one transaction takes those of all partitions. */
  readonly fewEvents: number;
  /** Events that wait at most, over all partitions. */
  readonly waitingEvents: number;
  /** Bytes that wait at most, over all partitions. */
  readonly waitingBytes: number;
}

/**
 * What was measured best (events of 300 bytes): single calls, over all partitions; batches, a writer per partition; more
 * than 5,000 events a transaction gain nothing. What waits is a second's work.
 */
export const groupCommitLimits: GroupCommitLimits = {
  writers: 8,
  eventsPerCommit: 5_000,
  bytesPerCommit: 8 * 1024 * 1024,
  fewEvents: 1_000,
  waitingEvents: 50_000,
  waitingBytes: 64 * 1024 * 1024,
};

/** Writes a group in one transaction and tells what became of each event, in order. */
export type CommitGroup = (events: readonly NewEvent[]) => Promise<readonly AppendResult[]>;

/** One `append`, answered when all its parts are. */
interface Call {
  /** Once a part of it is in a transaction, it can't be taken back. */
  isStarted: boolean;
  readonly results: AppendResult[];
  unanswered: number;
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

/** What one call adds to one partition, small enough for one transaction. */
interface Part {
  readonly call: Call;
  readonly partition: number;
  readonly events: NewEvent[];
  /** Where in the call each event stands. */
  readonly indexes: number[];
  bytes: number;
}

/** The parts that wait for one partition, the oldest first. */
interface Queue {
  readonly parts: Part[];
  events: number;
  bytes: number;
  /** Since when it waits, or was last served: the lowest is the next. */
  turn: number;
  /** A transaction holds its partition. */
  isBusy: boolean;
}

/** What a queued event takes beside its body. */
const EVENT_BYTES = 256;
/** A queue as long as it may be is worked off in about a second. */
const RETRY_AFTER_MS = 500;

/**
 * Gathers calls into transactions: what waits while the last one runs goes into the next one, without timers. Two
 * transactions at a time never share a partition. Few events go into one transaction over all partitions, many into one
 * per partition; one of the first kind may run beside the others, so that a busy partition does not hold up the rest.
 */
export class GroupCommit {
  readonly #commit: CommitGroup;
  readonly #limits: GroupCommitLimits;
  readonly #queues = new Map<number, Queue>();
  #waitingEvents = 0;
  #waitingBytes = 0;
  #turns = 0;
  #running = 0;
  #isMixedRunning = false;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(commit: CommitGroup, limits: GroupCommitLimits = groupCommitLimits) {
    this.#commit = commit;
    this.#limits = limits;
  }

  /** See `EventLog.append`; the partitions must exist. */
  async submit(events: readonly NewEvent[], signal?: AbortSignal): Promise<AppendResult[]> {
    signal?.throwIfAborted();
    if (this.#closing !== undefined) throw closingError();
    if (events.length === 0) return [];

    const { promise, resolve, reject } = Promise.withResolvers<AppendResult[]>();
    const call: Call = {
      isStarted: false,
      results: new Array<AppendResult>(events.length),
      unanswered: events.length,
      succeed: () => resolve(call.results),
      fail: reject,
    };
    const parts = split(call, events, this.#limits);
    this.#requireRoom(parts, events.length);
    for (const part of parts) this.#enqueue(part);

    const withdraw = (): void => {
      if (call.isStarted) return;
      for (const part of parts) this.#withdraw(part);
      call.fail(signal?.reason);
    };
    signal?.addEventListener('abort', withdraw, { once: true });
    this.#startWhatCan();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', withdraw);
    }
  }

  /** Refuses new calls; resolves when the last one is answered. What still waits after `deadlineMs` fails. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers();
      this.#settleClosing();
    }
    const timer = setTimeout(() => {
      for (const queue of this.#queues.values()) {
        for (const part of this.#take([queue], Infinity, Infinity)) part.call.fail(closingError());
      }
      this.#closing?.resolve();
    }, deadlineMs);
    await this.#closing.promise;
    clearTimeout(timer);
  }

  /**
   * A partition may wait with as much as is free: one busy partition gets half of the room, two a third each, and there
   * is always some left for the others (Choudhury and Hahne, "Dynamic queue length thresholds", 1998).
   */
  #requireRoom(parts: readonly Part[], count: number): void {
    const { waitingEvents, waitingBytes } = this.#limits;
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (count > waitingEvents || bytes > waitingBytes) {
      throw new DomainError(`A call takes at most ${waitingEvents} events and ${waitingBytes} bytes.`, {
        kind: 'invalid-argument',
        reason: 'APPEND_TOO_LARGE',
      });
    }
    const freeEvents = waitingEvents - this.#waitingEvents;
    const freeBytes = waitingBytes - this.#waitingBytes;
    const hasRoom = parts.every(({ partition }) => {
      const queue = this.#queues.get(partition);
      return (queue?.events ?? 0) + count <= freeEvents && (queue?.bytes ?? 0) + bytes <= freeBytes;
    });
    if (!hasRoom) {
      throw new DomainError('Too many events are waiting to be written.', {
        kind: 'resource-exhausted',
        reason: 'LOG_QUEUE_FULL',
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
  }

  #enqueue(part: Part): void {
    let queue = this.#queues.get(part.partition);
    if (queue === undefined) {
      queue = { parts: [], events: 0, bytes: 0, turn: 0, isBusy: false };
      this.#queues.set(part.partition, queue);
    }
    if (queue.parts.length === 0) queue.turn = this.#turns++;
    queue.parts.push(part);
    this.#count(queue, part, 1);
  }

  #withdraw(part: Part): void {
    const queue = this.#queues.get(part.partition);
    const index = queue?.parts.indexOf(part) ?? -1;
    if (queue === undefined || index < 0) return;
    queue.parts.splice(index, 1);
    this.#count(queue, part, -1);
  }

  #count(queue: Queue, part: Part, sign: 1 | -1): void {
    queue.events += sign * part.events.length;
    queue.bytes += sign * part.bytes;
    this.#waitingEvents += sign * part.events.length;
    this.#waitingBytes += sign * part.bytes;
  }

  #startWhatCan(): void {
    const { writers, fewEvents, eventsPerCommit, bytesPerCommit } = this.#limits;
    const queues = [...this.#queues.values()].filter((queue) => queue.parts.length > 0 && !queue.isBusy);
    if (queues.length === 0) return;
    // Longest waiting first, or those that come last would starve where partitions outnumber writers.
    queues.sort((one, other) => one.turn - other.turn);
    const isFew = queues.reduce((sum, queue) => sum + queue.events, 0) < fewEvents;
    for (const group of isFew ? [queues] : queues.map((queue) => [queue])) {
      if (this.#running >= writers || (isFew && this.#isMixedRunning)) return;
      void this.#run(group, this.#take(group, eventsPerCommit, bytesPerCommit), isFew);
    }
  }

  /** Takes the oldest parts out, as many as fit, but at least one. */
  #take(queues: readonly Queue[], maxEvents: number, maxBytes: number): readonly Part[] {
    const taken: Part[] = [];
    let events = 0;
    let bytes = 0;
    for (const queue of queues) {
      let count = 0;
      for (const part of queue.parts) {
        events += part.events.length;
        bytes += part.bytes;
        if (taken.length > 0 && (events > maxEvents || bytes > maxBytes)) break;
        taken.push(part);
        this.#count(queue, part, -1);
        count += 1;
      }
      queue.parts.splice(0, count);
      queue.turn = this.#turns++;
    }
    return taken;
  }

  async #run(queues: readonly Queue[], parts: readonly Part[], isMixed: boolean): Promise<void> {
    this.#running += 1;
    if (isMixed) this.#isMixedRunning = true;
    for (const queue of queues) queue.isBusy = true;
    for (const { call } of parts) call.isStarted = true;

    await this.#commitParts(parts);

    this.#running -= 1;
    if (isMixed) this.#isMixedRunning = false;
    for (const queue of queues) queue.isBusy = false;
    this.#startWhatCan();
    this.#settleClosing();
  }

  async #commitParts(parts: readonly Part[]): Promise<void> {
    try {
      const results = await this.#commit(parts.flatMap(({ events }) => events));
      let next = 0;
      for (const { call, indexes } of parts) {
        for (const index of indexes) {
          const result = results[next++];
          if (result === undefined) throw new Error('A group was answered with fewer results than events.');
          call.results[index] = result;
        }
        call.unanswered -= indexes.length;
        if (call.unanswered === 0) call.succeed();
      }
    } catch (error) {
      // What is not the database's trouble is the fault of some event: its call alone shall fail.
      if (error instanceof DomainError || parts.length === 1) {
        for (const { call } of parts) call.fail(error);
      } else {
        for (const part of parts) await this.#commitParts([part]);
      }
    }
  }

  #settleClosing(): void {
    if (this.#running === 0 && this.#waitingEvents === 0) this.#closing?.resolve();
  }
}

function split(call: Call, events: readonly NewEvent[], limits: GroupCommitLimits): readonly Part[] {
  const parts: Part[] = [];
  const current = new Map<number, Part>();
  for (const [index, event] of events.entries()) {
    const { partition } = event;
    const bytes = event.body.length + EVENT_BYTES;
    let part = current.get(partition);
    if (
      part === undefined ||
      part.events.length >= limits.eventsPerCommit ||
      part.bytes + bytes > limits.bytesPerCommit
    ) {
      part = { call, partition, events: [], indexes: [], bytes: 0 };
      current.set(partition, part);
      parts.push(part);
    }
    part.events.push(event);
    part.indexes.push(index);
    part.bytes += bytes;
  }
  return parts;
}

/** What callers are told that a closing log serves no more. */
export function closingError(): DomainError {
  return new DomainError('The log is closing.', {
    kind: 'unavailable',
    reason: 'LOG_CLOSING',
    retryAfterMs: RETRY_AFTER_MS,
  });
}
