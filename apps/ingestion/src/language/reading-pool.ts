import { Worker } from 'node:worker_threads';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import { wants } from './reading-protocol.ts';
import type { ReadingAnswer, ReadingModel, ReadingRequest, TextToRead } from './reading-protocol.ts';

export interface ReadingPoolOptions {
  /** One or two: reading is by far not what a process spends its time on. */
  readonly threads: number;
  /** The bytes of a tenant's model, by its key. */
  readonly loadModel: (key: string) => Promise<Uint8Array>;
  readonly logger: Logger;
}

export interface ReadOptions {
  /** Refuses when more characters than that would wait. */
  readonly maxWaiting: number;
  readonly timeoutMs: number;
  /** Whether what was read in time is taken where not all was; else that is an error. */
  readonly takesPart?: boolean;
}

/** Threads that read texts, so that the event loop does not. */
export interface ReadingPool {
  /**
   * The Understanding of each text, in order, as bytes; undefined where only a part is taken and this one is not in it.
   * @throws DomainError `resource-exhausted` (READERS_BUSY); `unavailable` (READING_LATE, READER_FAILED, or what loading
   *   the model throws).
   */
  read(
    model: ReadingModel,
    texts: readonly TextToRead[],
    options: ReadOptions,
  ): Promise<readonly (Uint8Array | undefined)[]>;
  close(): Promise<void>;
}

/** What one call asks for. */
interface Order {
  readonly model: ReadingModel;
  readonly understandings: (Uint8Array | undefined)[];
  readonly succeed: (understandings: readonly (Uint8Array | undefined)[]) => void;
  readonly fail: (error: unknown) => void;
  /** Texts that are not read yet. */
  left: number;
  /** Nobody waits for it any more. */
  isOver: boolean;
}

/** A part of an order that is read in one go. */
interface Piece {
  readonly order: Order;
  readonly from: number;
  readonly texts: readonly TextToRead[];
  readonly cost: number;
}

/** Pieces for one model that a thread has to read. */
interface Parcel {
  readonly request: Extract<ReadingRequest, { kind: 'read' }>;
  readonly pieces: readonly Piece[];
  /** The thread was given the model already. */
  isLoaded: boolean;
}

interface Reader {
  readonly worker: Worker;
  readonly parcels: Map<number, Parcel>;
}

/** So many texts at a time: a few milliseconds, which is how long a small order waits for a large one. */
const textsAtOnce = 100;
/** An order of up to so many is read before larger ones. */
const fewTexts = 10;
/** One is read and one waits in the thread; what waits here meanwhile can be put together. */
const parcelsAtOnce = 2;
/** What a text costs beside its characters. */
export const textCost = 50;
/** A thread that ended is begun anew, at most so often. */
const restartMs = 1_000;

export function createReadingPool({ threads, loadModel, logger }: ReadingPoolOptions): ReadingPool {
  let nextId = 0;
  let isClosed = false;
  /** The cost of what is not read yet. */
  let waiting = 0;
  let wasSmall = false;
  const small: Piece[] = [];
  const large: Piece[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const readers: (Reader | undefined)[] = [];

  function start(index: number): void {
    const worker = new Worker(new URL('./reading-thread.ts', import.meta.url), { name: 'reading' });
    const reader: Reader = { worker, parcels: new Map() };
    readers[index] = reader;
    worker.unref();
    worker.on('message', (answer: ReadingAnswer) => take(reader, answer));
    worker.on('error', (error) => logger.error({ error }, 'a thread that reads texts has failed'));
    worker.on('exit', () => {
      readers[index] = undefined;
      for (const parcel of reader.parcels.values()) fail(reader, parcel, failed('The thread ended.'));
      if (isClosed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        start(index);
        dispatch();
      }, restartMs);
      timers.add(timer);
      timer.unref();
    });
  }

  function take(reader: Reader, answer: ReadingAnswer): void {
    const parcel = reader.parcels.get(answer.id);
    if (parcel === undefined) return;
    switch (answer.kind) {
      case 'read':
        settle(reader, parcel);
        deliver(parcel, split(answer.bytes, answer.lengths));
        break;
      case 'missing':
        if (parcel.isLoaded) fail(reader, parcel, failed('The model is gone again.'));
        else {
          parcel.isLoaded = true;
          void supply(reader, parcel);
        }
        break;
      case 'failed':
        fail(reader, parcel, failed(answer.message));
        break;
    }
    dispatch();
  }

  function deliver({ pieces }: Parcel, understandings: readonly Uint8Array[]): void {
    let at = 0;
    for (const { order, from, texts } of pieces) {
      for (let index = 0; index < texts.length; index += 1, at += 1) {
        const understanding = understandings[at];
        if (understanding !== undefined) order.understandings[from + index] = understanding;
      }
      order.left -= texts.length;
      if (order.left === 0) order.succeed(order.understandings);
    }
  }

  async function supply(reader: Reader, parcel: Parcel): Promise<void> {
    const { key } = parcel.request.model;
    try {
      const bytes = await loadModel(key);
      reader.worker.postMessage({ kind: 'model', key, bytes } satisfies ReadingRequest);
      reader.worker.postMessage(parcel.request);
    } catch (error) {
      fail(reader, parcel, error);
      dispatch();
    }
  }

  function fail(reader: Reader, parcel: Parcel, error: unknown): void {
    if (!settle(reader, parcel)) return;
    for (const { order } of parcel.pieces) order.fail(error);
  }

  /** False where that is done already. */
  function settle(reader: Reader, { request, pieces }: Parcel): boolean {
    for (const { cost } of pieces) waiting -= cost;
    return reader.parcels.delete(request.id);
  }

  /** Gives threads that have room what waits longest; small orders first, but a large one after each of them. */
  function dispatch(): void {
    for (const reader of readers) {
      while (reader !== undefined && reader.parcels.size < parcelsAtOnce) {
        const pieces = nextPieces();
        const [first] = pieces;
        if (first === undefined) return;
        const texts = pieces.flatMap((piece) => piece.texts);
        const request = {
          kind: 'read' as const,
          id: nextId++,
          model: first.order.model,
          texts: texts.map(({ text }) => text),
          wants: Uint8Array.from(
            texts,
            ({ wantsIntent, wantsSentiment }) =>
              (wantsIntent ? wants.intent : 0) | (wantsSentiment ? wants.sentiment : 0),
          ),
        };
        reader.parcels.set(request.id, { request, pieces, isLoaded: false });
        reader.worker.postMessage(request);
      }
    }
  }

  function nextPieces(): readonly Piece[] {
    drop(small);
    drop(large);
    wasSmall = small.length > 0 && (!wasSmall || large.length === 0);
    const queue = wasSmall ? small : large;
    const [first] = queue;
    if (first === undefined) return [];
    let count = 0;
    const end = queue.findIndex(
      ({ order, texts }) => (count += texts.length) > textsAtOnce || !isSame(order.model, first.order.model),
    );
    return queue.splice(0, end === -1 ? queue.length : end);
  }

  /** What nobody waits for any more is not read. */
  function drop(queue: Piece[]): void {
    const wanted = queue.findIndex(({ order }) => !order.isOver);
    for (const { cost } of queue.splice(0, wanted === -1 ? queue.length : wanted)) waiting -= cost;
  }

  for (let index = 0; index < threads; index += 1) start(index);

  return {
    async read(model, texts, { maxWaiting, timeoutMs, takesPart = false }) {
      if (texts.length === 0) return [];
      const total = costOf(texts);
      if (isClosed || waiting + total > maxWaiting) {
        throw new DomainError('Too many texts wait to be read.', {
          kind: 'resource-exhausted',
          reason: 'READERS_BUSY',
          retryAfterMs: 500,
        });
      }
      if (readers.every((reader) => reader === undefined)) throw failed('No thread runs.');
      const { promise, resolve, reject } = Promise.withResolvers<readonly (Uint8Array | undefined)[]>();
      const order: Order = {
        model,
        understandings: new Array<Uint8Array | undefined>(texts.length).fill(undefined),
        succeed: resolve,
        fail: reject,
        left: texts.length,
        isOver: false,
      };
      waiting += total;
      for (let from = 0; from < texts.length; from += textsAtOnce) {
        const some = texts.slice(from, from + textsAtOnce);
        (texts.length <= fewTexts ? small : large).push({ order, from, texts: some, cost: costOf(some) });
      }
      const timer = setTimeout(() => {
        if (takesPart) resolve(order.understandings);
        else reject(late());
      }, timeoutMs);
      dispatch();
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        order.isOver = true;
      }
    },

    async close() {
      isClosed = true;
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(
        readers.flatMap((reader) => (reader === undefined ? [] : [reader.worker.terminate()])),
      );
      for (const { order } of [...small, ...large]) order.fail(failed('It is being closed.'));
    },
  };
}

function late(): DomainError {
  return new DomainError('The texts were not read in time.', {
    kind: 'unavailable',
    reason: 'READING_LATE',
    retryAfterMs: 500,
  });
}

function isSame(one: ReadingModel, other: ReadingModel): boolean {
  return one.key === other.key && one.version === other.version && one.threshold === other.threshold;
}

function costOf(texts: readonly TextToRead[]): number {
  return texts.reduce((sum, { text }) => sum + textCost + text.length, 0);
}

function split(bytes: Uint8Array, lengths: Uint32Array): readonly Uint8Array[] {
  let from = 0;
  return Array.from(lengths, (length) => bytes.subarray(from, (from += length)));
}

function failed(message: string): DomainError {
  return new DomainError(`The texts could not be read. ${message}`, {
    kind: 'unavailable',
    reason: 'READER_FAILED',
    retryAfterMs: 1_000,
  });
}
