import { Worker } from 'node:worker_threads';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
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
}

/** Threads that read texts, so that the event loop does not. */
export interface ReadingPool {
  /**
   * The Understanding of each text, in order, as bytes.
   * @throws DomainError `resource-exhausted` (READERS_BUSY); `unavailable` (READING_LATE, READER_FAILED, or what loading
   *   the model throws).
   */
  read(
    model: ReadingModel,
    texts: readonly TextToRead[],
    options: ReadOptions,
  ): Promise<readonly Uint8Array[]>;
  close(): Promise<void>;
}

interface Job {
  readonly request: Extract<ReadingRequest, { kind: 'read' }>;
  readonly cost: number;
  readonly succeed: (understandings: readonly Uint8Array[]) => void;
  readonly fail: (error: unknown) => void;
  /** It was told already that the model is missing. */
  isLoaded: boolean;
}

interface Reader {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  waiting: number;
}

/** So many texts at a time, so that a large request does not hold up small ones. */
const textsAtOnce = 100;
/** What a text costs beside its characters. */
export const textCost = 50;
/** A thread that ended is begun anew, at most so often. */
const restartMs = 1_000;

export function createReadingPool({ threads, loadModel, logger }: ReadingPoolOptions): ReadingPool {
  let nextId = 0;
  let isClosed = false;
  const timers = new Set<NodeJS.Timeout>();
  const readers: (Reader | undefined)[] = [];

  function start(index: number): void {
    const worker = new Worker(new URL('./reading-thread.ts', import.meta.url), { name: 'reading' });
    const reader: Reader = { worker, jobs: new Map(), waiting: 0 };
    readers[index] = reader;
    worker.unref();
    worker.on('message', (answer: ReadingAnswer) => take(reader, answer));
    worker.on('error', (error) => logger.error({ error }, 'a thread that reads texts has failed'));
    worker.on('exit', () => {
      readers[index] = undefined;
      for (const job of reader.jobs.values()) job.fail(failed('The thread ended.'));
      if (isClosed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        start(index);
      }, restartMs);
      timers.add(timer);
      timer.unref();
    });
  }

  function take(reader: Reader, answer: ReadingAnswer): void {
    const job = reader.jobs.get(answer.id);
    if (job === undefined) return;
    if (answer.kind === 'missing' && !job.isLoaded) {
      job.isLoaded = true;
      void supply(reader, job);
      return;
    }
    settle(reader, job, () => {
      if (answer.kind === 'read') job.succeed(split(answer.bytes, answer.lengths));
      else job.fail(failed(answer.kind === 'missing' ? 'The model is gone again.' : answer.message));
    });
  }

  async function supply(reader: Reader, job: Job): Promise<void> {
    const { key } = job.request.model;
    try {
      const bytes = await loadModel(key);
      reader.worker.postMessage({ kind: 'model', key, bytes } satisfies ReadingRequest);
      reader.worker.postMessage(job.request);
    } catch (error) {
      settle(reader, job, () => job.fail(error));
    }
  }

  function settle(reader: Reader, job: Job, tell: () => void): void {
    reader.jobs.delete(job.request.id);
    reader.waiting -= job.cost;
    tell();
  }

  function submit(model: ReadingModel, texts: readonly TextToRead[]): Promise<readonly Uint8Array[]> {
    const [reader] = readers.filter((one) => one !== undefined).sort((a, b) => a.waiting - b.waiting);
    if (reader === undefined) return Promise.reject(failed('No thread runs.'));
    const { promise, resolve, reject } = Promise.withResolvers<readonly Uint8Array[]>();
    const request = { kind: 'read' as const, id: nextId++, model, texts };
    const job: Job = { request, cost: costOf(texts), succeed: resolve, fail: reject, isLoaded: false };
    reader.jobs.set(request.id, job);
    reader.waiting += job.cost;
    reader.worker.postMessage(request);
    return promise;
  }

  for (let index = 0; index < threads; index += 1) start(index);

  return {
    async read(model, texts, { maxWaiting, timeoutMs }) {
      if (texts.length === 0) return [];
      const waiting = readers.reduce((sum, reader) => sum + (reader?.waiting ?? 0), 0);
      if (isClosed || waiting + costOf(texts) > maxWaiting) {
        throw new DomainError('Too many texts wait to be read.', {
          kind: 'resource-exhausted',
          reason: 'READERS_BUSY',
          retryAfterMs: 500,
        });
      }
      const jobs: Promise<readonly Uint8Array[]>[] = [];
      for (let from = 0; from < texts.length; from += textsAtOnce) {
        jobs.push(submit(model, texts.slice(from, from + textsAtOnce)));
      }
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(
        () =>
          late.reject(
            new DomainError('The texts were not read in time.', {
              kind: 'unavailable',
              reason: 'READING_LATE',
              retryAfterMs: 500,
            }),
          ),
        timeoutMs,
      );
      try {
        return (await Promise.race([Promise.all(jobs), late.promise])).flat();
      } finally {
        clearTimeout(timer);
      }
    },

    async close() {
      isClosed = true;
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(
        readers.flatMap((reader) => (reader === undefined ? [] : [reader.worker.terminate()])),
      );
    },
  };
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
