import { rmdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { ReportedKind } from './event-input.ts';
import type { QueuedEvent } from './event-queue.ts';
import { hasCode, isMissing, isNotEmpty, readSegment, removeSegment, Segment, toRecord } from './segment.ts';
import {
  abandonFolder,
  adoptSegments,
  heartbeatMs,
  ownFolder,
  segmentName,
  touchFolder,
  type Owner,
} from './spool-owner.ts';

export interface SpoolOptions {
  readonly folder: string;
  /** Of all segments of this client together. */
  readonly maxBytes: number;
  /** Unix time in ms. */
  readonly now: () => number;
  readonly monotonicMs: () => number;
  /** A new UUID each time. */
  readonly newId: () => string;
  readonly on: {
    /** Events came onto the disk. */
    readonly written: (count: number) => void;
    /** The disk refuses. */
    readonly error: (error: unknown) => void;
    /** Events that were on their way to the disk alone could not be written. */
    readonly lost: (count: number) => void;
    /** There is something to be read back. */
    readonly ready: () => void;
  };
}

/** A new segment is begun after so many bytes; a whole one is held in memory when it is read back. */
const segmentBytes = 512 * 1024;
/** What may wait to be written. */
const maxUnwrittenBytes = 4 * 1024 * 1024;
/** How long the disk is left alone after it refused. */
const restMs = 5000;

/**
 * Events on disk, so that they outlive the process. What is in memory too is only written; what is on disk alone is read
 * back, a segment at a time. A segment is removed when all its events are settled. Nothing is synced: what a process
 * wrote outlives the process, not a loss of power.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #self: Owner = {
    host: hostname(),
    pid: process.pid,
    startedAt: Math.round(performance.timeOrigin),
  };
  readonly #folder: string;
  readonly #made: Promise<void>;
  #adopting: Promise<void>;
  readonly #heartbeat: NodeJS.Timeout;
  /** Is being written; its events are in memory too. */
  #shadow: Segment | undefined;
  /** Is being written; its events are on disk alone. */
  #overflow: Segment | undefined;
  /** To be read, the oldest first. */
  readonly #unread: Segment[] = [];
  /** Not removed yet, whatever their state. */
  readonly #segments = new Set<Segment>();
  readonly #removing = new Set<Promise<void>>();
  #bytes = 0;
  #overflowing = 0;
  #restUntil = 0;
  /** Of the last heartbeat, in Unix ms. */
  #beatAt = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#folder = ownFolder(options.folder, this.#self, options.newId().replaceAll('-', ''));
    this.#made = touchFolder(this.#folder, new Date(options.now()));
    this.#adopting = this.#beat(this.#made);
    this.#heartbeat = setInterval(() => {
      this.#adopting = this.#beat(touchFolder(this.#folder, new Date(options.now())));
    }, heartbeatMs).unref();
  }

  /** Waits until what others left is known. */
  get adopted(): Promise<void> {
    return this.#adopting;
  }

  /** Whether there is something to be read back. */
  get hasBacklog(): boolean {
    return this.#unread.length > 0 || this.#overflow !== undefined;
  }

  /** Events that this client put on disk alone and has not read back. */
  get overflowing(): number {
    return this.#overflowing;
  }

  /**
   * Writes an event that memory holds, and gives it with its `settled`; as it came when the disk is full, so that it is in
   * memory alone.
   */
  shadow(event: QueuedEvent): QueuedEvent {
    const record = toRecord(event.bytes);
    if (!this.#hasRoom(record)) return event;
    if (this.#shadow && isFull(this.#shadow)) {
      this.#closeSoon(this.#shadow);
      this.#shadow = undefined;
    }
    const segment = (this.#shadow ??= this.#begin());
    segment.append(record);
    this.#bytes += record.length;
    return { ...event, settled: () => this.#settle(segment) };
  }

  /** Writes an event that memory has no room for; false, and nothing, when the disk has none either. */
  overflow(event: QueuedEvent): boolean {
    const record = toRecord(event.bytes);
    if (!this.#hasRoom(record)) return false;
    if (this.#overflow && isFull(this.#overflow)) this.#sealOverflow();
    const segment = (this.#overflow ??= this.#begin((count) => {
      this.#overflowing -= count;
      this.#options.on.lost(count);
    }));
    segment.append(record);
    this.#bytes += record.length;
    this.#overflowing += 1;
    return true;
  }

  /** Reads the oldest segment that is on disk alone; undefined when there is none. */
  async read(): Promise<SpooledEvents | undefined> {
    if (this.#unread.length === 0) this.#sealOverflow();
    const segment = this.#unread.shift();
    if (!segment) return undefined;
    await segment.close();
    const { records, whole } = await readSegment(segment.path);
    if (!whole) {
      const message = `The end of ${segment.path} is damaged; the ${records.length} events before it are sent.`;
      this.#options.on.error(new Error(message));
    }
    const events = records.map((bytes): QueuedEvent => {
      const { eventId: id, payload } = fromBinary(EventSchema, bytes);
      return {
        id,
        kind: payload.case as ReportedKind,
        bytes,
        queuedAt: -Infinity,
        settled: () => this.#settle(segment),
      };
    });
    const isOurs = segment.pending > 0;
    if (isOurs) this.#overflowing -= events.length;
    segment.pending = events.length;
    if (events.length === 0) this.#remove(segment);
    return { events, isOurs };
  }

  /** Waits for writes and removals, and leaves on disk what is not settled. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#adopting;
    await Promise.all([...this.#segments].map((segment) => segment.close()));
    await Promise.all(this.#removing);
    try {
      await rmdir(this.#folder);
    } catch (error) {
      if (isMissing(error)) return;
      if (isNotEmpty(error)) await this.#abandon();
      else this.#options.on.error(error);
    }
  }

  /** Keeps what is left for whoever comes next. */
  async #abandon(): Promise<void> {
    try {
      await abandonFolder(this.#options.folder, this.#folder, this.#self);
    } catch (error) {
      this.#options.on.error(error);
    }
  }

  /** Shows that we live, and takes over from those who do not. */
  async #beat(touched: Promise<void>): Promise<void> {
    const { folder, on } = this.#options;
    const now = this.#options.now();
    const wasAwake = now - this.#beatAt < 2 * heartbeatMs;
    this.#beatAt = now;
    try {
      await touched;
      const judge = { now, isRunning, wasAwake };
      for await (const path of adoptSegments(folder, this.#folder, this.#self, judge)) {
        const { size } = await stat(path);
        this.#bytes += size;
        const segment = this.#track(path, size);
        this.#unread.push(segment);
      }
    } catch (error) {
      on.error(error);
    }
    if (this.#unread.length > 0) on.ready();
  }

  #hasRoom(record: Buffer): boolean {
    const unwritten = (this.#shadow?.unwrittenBytes ?? 0) + (this.#overflow?.unwrittenBytes ?? 0);
    return (
      this.#bytes + record.length <= this.#options.maxBytes &&
      unwritten + record.length <= maxUnwrittenBytes &&
      this.#options.monotonicMs() >= this.#restUntil
    );
  }

  #begin(lost: (count: number) => void = () => undefined): Segment {
    return this.#track(join(this.#folder, segmentName(this.#options.newId())), 0, lost);
  }

  #track(path: string, bytes: number, lost: (count: number) => void = () => undefined): Segment {
    const { on, monotonicMs } = this.#options;
    const segment = new Segment(path, bytes, this.#made, {
      written: on.written,
      failed: (error, count) => {
        this.#restUntil = monotonicMs() + restMs;
        on.error(error);
        lost(count);
      },
    });
    this.#segments.add(segment);
    return segment;
  }

  #sealOverflow(): void {
    const segment = this.#overflow;
    if (!segment) return;
    this.#overflow = undefined;
    this.#closeSoon(segment);
    this.#unread.push(segment);
  }

  #closeSoon(segment: Segment): void {
    segment.close().catch(this.#options.on.error);
  }

  #settle(segment: Segment): void {
    segment.pending -= 1;
    if (segment.pending > 0) return;
    if (segment === this.#shadow) this.#shadow = undefined;
    this.#remove(segment);
  }

  #remove(segment: Segment): void {
    const removing = segment
      .close()
      .then(() => removeSegment(segment.path))
      .catch(this.#options.on.error)
      .finally(() => {
        this.#bytes -= segment.bytes;
        this.#segments.delete(segment);
        this.#removing.delete(removing);
      });
    this.#removing.add(removing);
  }
}

/** What was read back, and whether this client wrote it or one before it. */
export interface SpooledEvents {
  readonly events: readonly QueuedEvent[];
  readonly isOurs: boolean;
}

const isFull = ({ bytes, isBroken }: Segment): boolean => isBroken || bytes >= segmentBytes;

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of somebody else runs, though we may not signal it.
    return hasCode(error, ['EPERM']);
  }
}
