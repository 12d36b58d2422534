import type { LogEvent } from '@parley/event';

export interface RecentEventsLimits {
  /** Bodies and a little for each event, over all partitions. */
  readonly bytes: number;
  /** After which nothing is given any more: readers that keep up are long past it, and what is erased must not linger. */
  readonly ageMs: number;
}

/** A second's events at full speed take some 10 MB. */
export const recentEventsLimits: RecentEventsLimits = { bytes: 32 * 1024 * 1024, ageMs: 5_000 };

/** Events of one commit and partition. */
interface Chunk {
  readonly partition: number;
  readonly events: readonly LogEvent[];
  readonly bytes: number;
  readonly addedAt: number;
}

/** What an event takes beside its body. */
const EVENT_BYTES = 256;

/**
 * What this process has committed in the last few seconds, so that the readers who follow closely are served without
 * asking the database again for each of them. Only ever a run of each partition without a gap: where another process has
 * written in between, it begins anew.
 */
export class RecentEvents {
  readonly #limits: RecentEventsLimits;
  readonly #now: () => number;
  readonly #partitions = new Map<number, Chunk[]>();
  /** All chunks, the oldest first. */
  #chunks: Chunk[] = [];
  #bytes = 0;

  /** @param now milliseconds of a clock that never goes back. */
  constructor(limits: RecentEventsLimits = recentEventsLimits, now = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Events of one partition that have been committed, in the order of their offsets. */
  add(partition: number, events: readonly LogEvent[]): void {
    const first = events[0];
    if (first === undefined) return;
    const last = this.#partitions.get(partition)?.at(-1)?.events.at(-1);
    if (last !== undefined && first.offset !== last.offset + 1n) this.forget(partition);
    const bytes = events.reduce((sum, { body }) => sum + (body?.length ?? 0) + EVENT_BYTES, 0);
    const chunk = { partition, events, bytes, addedAt: this.#now() };
    const chunks = this.#partitions.get(partition);
    if (chunks === undefined) this.#partitions.set(partition, [chunk]);
    else chunks.push(chunk);
    this.#chunks.push(chunk);
    this.#bytes += bytes;
    this.#evict();
  }

  /**
   * The events that follow an offset, at most so many, and no more once they have so many bytes of bodies; undefined
   * unless the very next one is here.
   */
  after(
    partition: number,
    offset: bigint,
    maxCount: number,
    maxBytes: number,
  ): readonly LogEvent[] | undefined {
    this.#evict();
    const chunks = this.#partitions.get(partition);
    const start = chunks?.[0]?.events[0]?.offset;
    if (chunks === undefined || start === undefined || offset + 1n < start) return undefined;
    const found: LogEvent[] = [];
    let skip = Number(offset + 1n - start);
    let bytes = 0;
    for (const { events } of chunks) {
      for (let index = Math.min(skip, events.length); index < events.length; index += 1) {
        const event = events[index];
        if (event === undefined) break;
        if (found.length === maxCount || (found.length > 0 && bytes >= maxBytes)) return found;
        found.push(event);
        bytes += event.body?.length ?? 0;
      }
      skip = Math.max(skip - events.length, 0);
    }
    return found.length === 0 ? undefined : found;
  }

  /** The last offset that is here; 0 where nothing is. */
  head(partition: number): bigint {
    return this.#partitions.get(partition)?.at(-1)?.events.at(-1)?.offset ?? 0n;
  }

  /** Forgets a partition, or all: what is in the log may be another thing now. */
  forget(partition?: number): void {
    const isKept = (chunk: Chunk): boolean => partition !== undefined && chunk.partition !== partition;
    this.#chunks = this.#chunks.filter(isKept);
    this.#bytes = this.#chunks.reduce((sum, { bytes }) => sum + bytes, 0);
    if (partition === undefined) this.#partitions.clear();
    else this.#partitions.delete(partition);
  }

  #evict(): void {
    const from = this.#now() - this.#limits.ageMs;
    for (;;) {
      const [oldest] = this.#chunks;
      if (oldest === undefined || (oldest.addedAt >= from && this.#bytes <= this.#limits.bytes)) return;
      this.#chunks.shift();
      this.#bytes -= oldest.bytes;
      // The oldest of all is the oldest of its partition.
      this.#partitions.get(oldest.partition)?.shift();
    }
  }
}
