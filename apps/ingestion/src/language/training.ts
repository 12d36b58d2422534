import { Worker } from 'node:worker_threads';
import type { Tenant } from '@parley/access';
import { DomainError, invalidArgument } from '@parley/errors';
import type { FieldViolation } from '@parley/errors';
import type { TrainedModel } from './intent-model-record.ts';

/** A text with the intent that it stands for. */
export interface TrainingExample {
  readonly text: string;
  readonly label: string;
}

/** From the thread that trains. */
export type TrainingAnswer =
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'done'; readonly model: TrainedModel }
  | { readonly kind: 'refused'; readonly violations: readonly FieldViolation[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Trains models, each in a thread of its own. */
export interface Training {
  /**
   * The share that is done whenever it is told, in the end the model. Aborted by the signal.
   * @throws DomainError `resource-exhausted` (TRAINING_BUSY) while the tenant trains another one, or too many do;
   *   `invalid-argument` for examples that nothing can be learned from.
   */
  train(
    tenant: Pick<Tenant, 'tenantId'>,
    examples: readonly TrainingExample[],
    signal: AbortSignal,
  ): AsyncGenerator<number, TrainedModel, undefined>;
  close(): Promise<void>;
}

/** Each takes a core. */
const trainingsAtOnce = 2;
const retryMs = 5_000;
/** 50,000 examples take a few hundred. */
const heapMegabytes = 2_048;

export function createTraining(): Training {
  const busy = new Set<string>();
  const workers = new Set<Worker>();
  return {
    async *train({ tenantId }, examples, signal) {
      if (busy.has(tenantId) || busy.size >= trainingsAtOnce) {
        throw new DomainError(
          busy.has(tenantId)
            ? 'This tenant is training a model already.'
            : 'Too many models are being trained.',
          { kind: 'resource-exhausted', reason: 'TRAINING_BUSY', retryAfterMs: retryMs },
        );
      }
      busy.add(tenantId);
      const worker = new Worker(new URL('./training-thread.ts', import.meta.url), {
        name: 'training',
        workerData: examples,
        resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
      });
      workers.add(worker);
      const stop = (): void => void worker.terminate();
      signal.addEventListener('abort', stop, { once: true });
      try {
        for await (const answer of answersOf(worker)) {
          switch (answer.kind) {
            case 'progress':
              yield answer.share;
              break;
            case 'done':
              return answer.model;
            case 'refused':
              throw invalidArgument(answer.violations);
            case 'failed':
              throw new Error(answer.message);
          }
        }
        signal.throwIfAborted();
        throw new Error('The thread that trains has ended.');
      } finally {
        signal.removeEventListener('abort', stop);
        workers.delete(worker);
        busy.delete(tenantId);
        await worker.terminate();
      }
    },
    async close() {
      await Promise.all([...workers].map((worker) => worker.terminate()));
    },
  };
}

/** What the thread says until it ends. Of shares that nobody has taken, only the last one waits. */
async function* answersOf(worker: Worker): AsyncGenerator<TrainingAnswer, void, undefined> {
  let waiting: TrainingAnswer | undefined;
  let fault: { readonly error: unknown } | undefined;
  let hasEnded = false;
  let wake = Promise.withResolvers<void>();
  worker.on('message', (answer: TrainingAnswer) => {
    if (waiting === undefined || waiting.kind === 'progress') waiting = answer;
    wake.resolve();
  });
  worker.on('error', (error) => {
    fault = { error };
    wake.resolve();
  });
  worker.on('exit', () => {
    hasEnded = true;
    wake.resolve();
  });
  for (;;) {
    await wake.promise;
    wake = Promise.withResolvers();
    const answer: TrainingAnswer | undefined = waiting;
    waiting = undefined;
    if (answer !== undefined) yield answer;
    if (fault !== undefined) throw fault.error;
    if (hasEnded && waiting === undefined) return;
  }
}
