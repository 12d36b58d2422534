import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { EventResult } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { BatchTransport } from './batch-transport.ts';
import { CallFailure } from './call-failure.ts';
import type { DropReason, Settings } from './client-options.ts';
import type { Counts } from './client-stats.ts';
import type { Environment } from './environment.ts';
import { EventQueue, weightOf, type QueuedEvent } from './event-queue.ts';
import { pauseFor } from './pause-for.ts';
import type { Spool } from './spool.ts';
import { toRequest } from './to-request.ts';

export interface DeliveryOptions {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly transport: BatchTransport;
  readonly spool: Spool | undefined;
  readonly counts: Counts;
  readonly on: {
    readonly error: (error: unknown) => void;
    /** Stored, and whether it was before. */
    readonly delivered: (event: QueuedEvent, isDuplicate: boolean) => void;
    readonly drop: (event: QueuedEvent, reason: DropReason, message: string) => void;
  };
}

interface Batch {
  readonly events: readonly QueuedEvent[];
  /** Whether its events have a place in the queue's bounds. */
  readonly isQueued: boolean;
}

/** A wait that can be cut short, unless the service asked for it. */
interface Pause {
  readonly end: () => void;
  readonly isAsked: boolean;
}

/** Carries events from memory and disk to the service: in batches, a few calls at a time, each repeated until it is answered. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #queue: EventQueue;
  /** Read back from disk, to be sent before what is in the queue. */
  #backlog: QueuedEvent[] = [];
  #isReading = false;
  readonly #batches = new Set<Batch>();
  readonly #pauses = new Set<Pause>();
  readonly #waiters = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #flushes = 0;
  #isStopped = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { maxQueueEvents, maxQueueBytes } = options.settings;
    this.#queue = new EventQueue({ maxEvents: maxQueueEvents, maxBytes: maxQueueBytes });
  }

  /** Events held, on disk too. */
  get queued(): number {
    return this.#heldInMemory + (this.#options.spool?.overflowing ?? 0);
  }

  /** Bytes of events held in memory. */
  get queuedBytes(): number {
    return this.#queue.heldBytes + sum(this.#offQueue(), weightOf);
  }

  get #heldInMemory(): number {
    return this.#queue.held + this.#offQueue().length;
  }

  /** Takes an event over; false when there is no room for it in memory or on disk. */
  add(event: QueuedEvent): boolean {
    const { spool } = this.#options;
    if (this.#queue.fits(event)) this.#queue.add(spool?.shadow(event) ?? event);
    else if (spool?.overflow(event) !== true) return false;
    this.pump();
    return true;
  }

  /** Sends what is due. */
  pump(): void {
    while (!this.#isStopped && this.#batches.size < this.#options.settings.maxCalls) {
      const batch = this.#nextBatch();
      if (!batch) break;
      this.#batches.add(batch);
      void this.#carry(batch);
    }
    this.#arm();
  }

  /** Sends everything now; whether all that was held at the call is settled within the time. */
  async flush(timeoutMs: number): Promise<boolean> {
    const { spool, environment } = this.#options;
    const deadline = environment.monotonicMs() + timeoutMs;
    this.#flushes += 1;
    try {
      await within(timeoutMs, spool?.adopted ?? Promise.resolve());
      const last = environment.monotonicMs();
      for (const pause of this.#pauses) if (!pause.isAsked) pause.end();
      this.pump();
      await within(
        deadline - environment.monotonicMs(),
        new Promise<void>((resolve) => {
          const check = (): void => {
            if (!this.#isStopped && this.#hasFrom(last)) return;
            this.#waiters.delete(check);
            resolve();
          };
          this.#waiters.add(check);
          check();
        }),
      );
      return !this.#hasFrom(last);
    } finally {
      this.#flushes -= 1;
    }
  }

  /** Ends calls and gives back what was not settled and is in memory alone. */
  stop(): readonly QueuedEvent[] {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const pause of this.#pauses) pause.end();
    this.#options.transport.close();
    this.#wake();
    const isLost = ({ settled }: QueuedEvent) => settled === undefined;
    const left = this.#queue.take(Infinity, Infinity);
    for (const { events, isQueued } of this.#batches) if (isQueued) left.push(...events);
    const lost = left.filter(isLost);
    this.#queue.release(lost);
    return lost;
  }

  #nextBatch(): Batch | undefined {
    const { maxBatchEvents, maxBatchBytes } = this.#options.settings;
    if (this.#backlog.length > 0) {
      return { events: this.#takeBacklog(maxBatchEvents, maxBatchBytes), isQueued: false };
    }
    if (this.#options.spool?.hasBacklog === true) this.#readBack(this.#options.spool);
    if (!this.#isDue()) return undefined;
    const events = this.#queue.take(maxBatchEvents, maxBatchBytes);
    return { events, isQueued: true };
  }

  #isDue(): boolean {
    const { maxBatchEvents, maxBatchBytes } = this.#options.settings;
    const { waiting, waitingBytes } = this.#queue;
    if (waiting === 0) return false;
    if (this.#flushes > 0 || waiting >= maxBatchEvents || waitingBytes >= maxBatchBytes) return true;
    return this.#dueInMs() <= 0;
  }

  #dueInMs(): number {
    const { oldest } = this.#queue;
    if (!oldest) return Infinity;
    return oldest.queuedAt + this.#options.settings.maxAgeMs - this.#options.environment.monotonicMs();
  }

  /** Sees to it that what waits is sent when it is old enough. */
  #arm(): void {
    if (this.#timer !== undefined || this.#isStopped || this.#queue.waiting === 0) return;
    if (this.#batches.size >= this.#options.settings.maxCalls) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.pump();
      },
      Math.max(1, Math.ceil(this.#dueInMs())),
    ).unref();
  }

  #readBack(spool: Spool): void {
    if (this.#isReading) return;
    this.#isReading = true;
    spool
      .read()
      .then((read) => {
        if (!read) return;
        if (!read.isOurs) this.#options.counts.recovered += read.events.length;
        this.#backlog = [...read.events];
      })
      .catch(this.#options.on.error)
      .finally(() => {
        this.#isReading = false;
        this.pump();
        this.#wake();
      });
  }

  #takeBacklog(maxEvents: number, maxBytes: number): QueuedEvent[] {
    let bytes = 0;
    const end = this.#backlog.findIndex(
      (event, index) => index === maxEvents || ((bytes += weightOf(event)) > maxBytes && index > 0),
    );
    return this.#backlog.splice(0, end === -1 ? this.#backlog.length : end);
  }

  async #carry(batch: Batch): Promise<void> {
    try {
      const isSettled = await this.#deliver(batch.events);
      if (isSettled) {
        this.#batches.delete(batch);
        if (batch.isQueued) this.#queue.release(batch.events);
      }
    } catch (error) {
      // Only a fault of ours comes here; the batch must not keep its place for ever.
      this.#batches.delete(batch);
      if (batch.isQueued) this.#queue.release(batch.events);
      for (const event of batch.events) this.#options.on.drop(event, 'refused', String(error));
      this.#options.on.error(error);
    }
    this.pump();
    this.#wake();
  }

  /** Repeats a call until every event is settled; false when the client was stopped before. */
  async #deliver(events: readonly QueuedEvent[]): Promise<boolean> {
    const { settings, environment, transport, counts, on } = this.#options;
    for (let attempt = 1; ; attempt++) {
      if (this.#isStopped) return false;
      try {
        counts.sent += events.length;
        const { results } = await transport.send(
          toRequest(events, environment.now()),
          settings.callTimeoutMs,
        );
        if (results.length !== events.length) {
          throw new CallFailure(`${results.length} results came for ${events.length} events.`, { code: 13 });
        }
        results.forEach((result, index) => this.#settle(events[index], result));
        return true;
      } catch (error) {
        if (!(error instanceof CallFailure)) throw error;
        if (this.#isStopped) return false;
        on.error(error);
        if (error.remedy === 'refuse') return this.#divide(events, error);
        counts.retries += 1;
        const pauseMs = pauseFor(error, attempt, { ...settings, random: environment.random });
        await this.#pause(pauseMs, error.retryAfterMs !== undefined);
      }
    }
  }

  /** Finds the event for which the service refuses a call, so that the others are delivered. */
  async #divide(events: readonly QueuedEvent[], refusal: CallFailure): Promise<boolean> {
    const [first] = events;
    if (first && events.length === 1) {
      this.#options.on.drop(first, 'refused', refusal.message);
      first.settled?.();
      return true;
    }
    const middle = Math.ceil(events.length / 2);
    const left = await this.#deliver(events.slice(0, middle));
    return (await this.#deliver(events.slice(middle))) && left;
  }

  #settle(event: QueuedEvent | undefined, { outcome, reason, message }: EventResult): void {
    if (!event) return;
    const { counts, on } = this.#options;
    switch (outcome) {
      case EventOutcome.ACCEPTED:
        counts.accepted += 1;
        on.delivered(event, false);
        break;
      case EventOutcome.DUPLICATE:
        counts.duplicates += 1;
        on.delivered(event, true);
        break;
      case EventOutcome.CONFLICT:
        on.drop(event, 'conflict', message);
        break;
      default:
        on.drop(event, 'rejected', `${reason}: ${message}`);
    }
    event.settled?.();
  }

  #pause(ms: number, isAsked: boolean): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(pause);
        resolve();
      };
      const timer = setTimeout(end, ms).unref();
      const pause: Pause = { end, isAsked };
      this.#pauses.add(pause);
    });
  }

  #wake(): void {
    for (const check of this.#waiters) check();
  }

  /** Whether something is held that was there at that time, by the monotonic clock. */
  #hasFrom(time: number): boolean {
    const { spool } = this.#options;
    if (this.#isReading || this.#backlog.length > 0 || spool?.hasBacklog === true) return true;
    const isFrom = (event: QueuedEvent | undefined) => event !== undefined && event.queuedAt <= time;
    return isFrom(this.#queue.oldest) || [...this.#batches].some(({ events }) => isFrom(events[0]));
  }

  /** What was read back and is not settled: few, a segment and the calls. */
  #offQueue(): readonly QueuedEvent[] {
    return [
      ...this.#backlog,
      ...[...this.#batches].flatMap(({ events, isQueued }) => (isQueued ? [] : events)),
    ];
  }
}

const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** Waits for it, for so long at most; keeps the process alive meanwhile. */
async function within(ms: number, what: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      what,
      new Promise<void>((resolve) => (timer = setTimeout(resolve, Math.max(0, ms)))),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
