import { DomainError } from '@parley/errors';
import type { AppendResult, NewEvent } from './event-log.ts';

/** What a group commit may hold. */
export interface GroupCommitLimits {
  /** Transactions at a time. */
  readonly writers: number;
  /** Events in one transaction at most. */
  readonly eventsPerCommit: number;
  /**
   * How long a transaction should take, in ms: one takes no more events than were written in that time before, since
   * whoever comes next waits for it; though at least `fewEvents`.
   */
  readonly commitMs: number;
  /** Bytes in one transaction, after which it takes no further call. */
  readonly bytesPerCommit: number;
  /** With fewer events waiting, one transaction takes those of all partitions. */
  readonly fewEvents: number;
  /** Events that wait at most, over all partitions; of one tenant, half of them. */
  readonly waitingEvents: number;
  /** Bytes that wait at most, over all partitions; of one tenant, half of them. */
  readonly waitingBytes: number;
  /** Bytes that a tenant gets written before the next one's turn, where several wait for one partition. */
  readonly bytesPerTurn: number;
}

/**
 * What was measured best (events of 300 bytes): single calls, over all partitions; batches, a writer per partition; more
 * than 5,000 events a transaction gain nothing. What waits is a second's work.
 */
export const groupCommitLimits: GroupCommitLimits = {
  writers: 8,
  eventsPerCommit: 5_000,
  commitMs: 50,
  bytesPerCommit: 8 * 1024 * 1024,
  fewEvents: 1_000,
  waitingEvents: 50_000,
  waitingBytes: 64 * 1024 * 1024,
  // A hundred events: all that a tenant of single calls has waiting, a part of what one of batches has.
  bytesPerTurn: 64 * 1024,
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

/** What one call adds to one partition for one tenant, small enough for one transaction. */
interface Part {
  readonly call: Call;
  readonly partition: number;
  readonly tenantId: string;
  readonly events: NewEvent[];
  /** Where in the call each event stands. */
  readonly indexes: number[];
  bytes: number;
}

/** What waits of one tenant, the oldest first. */
interface Line {
  readonly parts: Part[];
  events: number;
  bytes: number;
  /** Bytes that it may have written before the next one's turn. */
  credit: number;
}

/** What waits for one partition. */
interface Queue {
  /** By tenant; the first one's turn is next. */
  readonly lines: Map<string, Line>;
  events: number;
  /** Since when it waits, or was last served: the lowest is the next. */
  turn: number;
  /** A transaction holds its partition. */
  isBusy: boolean;
}

/** What goes into one transaction. */
interface Group {
  readonly parts: Part[];
  events: number;
  bytes: number;
}

/** What a queued event takes beside its body. */
const EVENT_BYTES = 256;
/** A queue as long as it may be is worked off in about a second. */
const RETRY_AFTER_MS = 500;

/**
 * Gathers calls into transactions: what waits while the last one runs goes into the next one, without timers. Two
 * transactions at a time never share a partition. Few events go into one transaction over all partitions, many into one
 * per partition; one of the first kind may run beside the others, so that a busy partition does not hold up the rest.
 * Tenants that wait for one partition take turns by bytes, so that one with much to write does not hold up another.
 */
export class GroupCommit {
  readonly #commit: CommitGroup;
  readonly #limits: GroupCommitLimits;
  readonly #clockMs: () => number;
  readonly #queues = new Map<number, Queue>();
  #waitingEvents = 0;
  #waitingBytes = 0;
  #turns = 0;
  /** How many events were lately written in `commitMs`. */
  #eventsInTime: number;
  #running = 0;
  #isMixedRunning = false;
  #closing: PromiseWithResolvers<void> | undefined;

  /** @param clockMs must not run backwards. */
  constructor(commit: CommitGroup, limits: GroupCommitLimits, clockMs: () => number) {
    this.#commit = commit;
    this.#clockMs = clockMs;
    this.#limits = limits;
    this.#eventsInTime = limits.eventsPerCommit;
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
    this.#requireRoom(parts);
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
        for (const { parts } of queue.lines.values()) {
          for (const { call } of parts) call.fail(closingError());
        }
        queue.lines.clear();
      }
      this.#closing?.resolve();
    }, deadlineMs);
    await this.#closing.promise;
    clearTimeout(timer);
  }

  /**
   * A tenant may wait with as much as is free: one that floods gets half of the room, two a third each, and there is
   * always some left for the others (Choudhury and Hahne, "Dynamic queue length thresholds", 1998).
   */
  #requireRoom(parts: readonly Part[]): void {
    const { waitingEvents, waitingBytes } = this.#limits;
    const needed = new Map<string, { events: number; bytes: number }>();
    let [count, bytes] = [0, 0];
    for (const part of parts) {
      const sum = needed.get(part.tenantId) ?? { ...this.#waitingOf(part) };
      sum.events += part.events.length;
      sum.bytes += part.bytes;
      needed.set(part.tenantId, sum);
      count += part.events.length;
      bytes += part.bytes;
    }
    if (count > waitingEvents || bytes > waitingBytes) {
      throw new DomainError(`A call takes at most ${waitingEvents} events and ${waitingBytes} bytes.`, {
        kind: 'invalid-argument',
        reason: 'APPEND_TOO_LARGE',
      });
    }
    const freeEvents = waitingEvents - this.#waitingEvents;
    const freeBytes = waitingBytes - this.#waitingBytes;
    for (const [tenantId, sum] of needed) {
      if (sum.events <= freeEvents && sum.bytes <= freeBytes) continue;
      throw new DomainError('Too many events are waiting to be written.', {
        kind: 'resource-exhausted',
        reason: 'LOG_QUEUE_FULL',
        quotas: [
          {
            subject: `tenant:${tenantId}`,
            description: 'a tenant may wait with as many events and bytes as are free for the others',
          },
        ],
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
  }

  /** A tenant lives in one partition. */
  #waitingOf({ partition, tenantId }: Part): { readonly events: number; readonly bytes: number } {
    return this.#queues.get(partition)?.lines.get(tenantId) ?? { events: 0, bytes: 0 };
  }

  #enqueue(part: Part): void {
    let queue = this.#queues.get(part.partition);
    if (queue === undefined) {
      queue = { lines: new Map(), events: 0, turn: 0, isBusy: false };
      this.#queues.set(part.partition, queue);
    }
    if (queue.lines.size === 0) queue.turn = this.#turns++;
    let line = queue.lines.get(part.tenantId);
    if (line === undefined) {
      line = { parts: [], events: 0, bytes: 0, credit: this.#limits.bytesPerTurn };
      queue.lines.set(part.tenantId, line);
    }
    line.parts.push(part);
    this.#count(queue, line, part, 1);
  }

  #withdraw(part: Part): void {
    const queue = this.#queues.get(part.partition);
    const line = queue?.lines.get(part.tenantId);
    const index = line?.parts.indexOf(part) ?? -1;
    if (queue === undefined || line === undefined || index < 0) return;
    line.parts.splice(index, 1);
    if (line.parts.length === 0) queue.lines.delete(part.tenantId);
    this.#count(queue, line, part, -1);
  }

  #count(queue: Queue, line: Line, part: Part, sign: 1 | -1): void {
    const events = sign * part.events.length;
    const bytes = sign * part.bytes;
    line.events += events;
    line.bytes += bytes;
    queue.events += events;
    this.#waitingEvents += events;
    this.#waitingBytes += bytes;
  }

  #startWhatCan(): void {
    const { writers, fewEvents } = this.#limits;
    const queues = [...this.#queues.values()].filter((queue) => queue.lines.size > 0 && !queue.isBusy);
    if (queues.length === 0) return;
    // Longest waiting first, or those that come last would starve where partitions outnumber writers.
    queues.sort((one, other) => one.turn - other.turn);
    const isFew = queues.reduce((sum, queue) => sum + queue.events, 0) < fewEvents;
    for (const group of isFew ? [queues] : queues.map((queue) => [queue])) {
      if (this.#running >= writers || (isFew && this.#isMixedRunning)) return;
      void this.#run(group, this.#take(group), isFew);
    }
  }

  /** Takes parts out, as many as fit into a transaction, but at least one. */
  #take(queues: readonly Queue[]): readonly Part[] {
    const group: Group = { parts: [], events: 0, bytes: 0 };
    for (const queue of queues) {
      const before = group.parts.length;
      while (queue.lines.size > 0 && this.#takeTurn(queue, group));
      if (group.parts.length > before) queue.turn = this.#turns++;
    }
    return group.parts;
  }

  /**
   * Takes what the tenant whose turn it is has credit for, and passes the turn on (deficit round robin: Shreedhar and
   * Varghese, "Efficient fair queuing", 1996). False when the transaction is full; then it stays that tenant's turn.
   */
  #takeTurn(queue: Queue, group: Group): boolean {
    const { fewEvents, bytesPerCommit, bytesPerTurn } = this.#limits;
    const most = Math.min(this.#limits.eventsPerCommit, Math.max(this.#eventsInTime, fewEvents));
    for (const [tenantId, line] of queue.lines) {
      let count = 0;
      let isFull = false;
      for (const part of line.parts) {
        const events = group.events + part.events.length;
        const bytes = group.bytes + part.bytes;
        isFull = group.parts.length > 0 && (events > most || bytes > bytesPerCommit);
        if (isFull || part.bytes > line.credit) break;
        line.credit -= part.bytes;
        group.parts.push(part);
        group.events = events;
        group.bytes = bytes;
        this.#count(queue, line, part, -1);
        count += 1;
      }
      line.parts.splice(0, count);
      if (isFull) return false;
      queue.lines.delete(tenantId);
      if (line.parts.length > 0) {
        line.credit += bytesPerTurn;
        queue.lines.set(tenantId, line);
      }
      return true;
    }
    return false;
  }

  async #run(queues: readonly Queue[], parts: readonly Part[], isMixed: boolean): Promise<void> {
    this.#running += 1;
    if (isMixed) this.#isMixedRunning = true;
    for (const queue of queues) queue.isBusy = true;
    for (const { call } of parts) call.isStarted = true;

    const startedAt = this.#clockMs();
    await this.#commitParts(parts);
    this.#learn(parts, this.#clockMs() - startedAt);

    this.#running -= 1;
    if (isMixed) this.#isMixedRunning = false;
    for (const queue of queues) queue.isBusy = false;
    this.#startWhatCan();
    this.#settleClosing();
  }

  /** Small transactions say nothing of how long a large one takes. */
  #learn(parts: readonly Part[], tookMs: number): void {
    const { fewEvents, commitMs } = this.#limits;
    const count = parts.reduce((sum, { events }) => sum + events.length, 0);
    if (count < fewEvents) return;
    const inTime = (count * commitMs) / Math.max(tookMs, 1);
    this.#eventsInTime += (inTime - this.#eventsInTime) / 2;
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
  const open = new Map<string, Part>();
  let part: Part | undefined;
  for (const [index, event] of events.entries()) {
    const { partition, tenantId } = event;
    const bytes = event.body.length + EVENT_BYTES;
    // All of a call are of one tenant, but for those that Parley itself writes.
    if (part?.partition !== partition || part.tenantId !== tenantId)
      part = open.get(`${partition} ${tenantId}`);
    if (
      part === undefined ||
      part.events.length >= limits.eventsPerCommit ||
      part.bytes + bytes > limits.bytesPerCommit
    ) {
      part = { call, partition, tenantId, events: [], indexes: [], bytes: 0 };
      open.set(`${partition} ${tenantId}`, part);
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
