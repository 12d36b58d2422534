import { DomainError, invalidArgument } from '@parley/errors';
import { sleep } from '@parley/runtime';
import type { Recording } from './record-events.ts';

/** One batch of a stream, not recorded yet. */
export interface Batch {
  /** The producer's number. */
  readonly sequence: bigint;
  /** Records it; the same again when it is called again. */
  readonly record: () => Promise<Recording>;
}

/** What became of a batch. */
export interface Acknowledgement extends Recording {
  readonly sequence: bigint;
}

/** Batches of a stream that are written at a time: enough to keep a group commit full, few enough to hold in memory. */
const batchesAtOnce = 4;
/** How long to wait where a full queue does not say. */
const retryMs = 500;

/**
 * Records batches as they come and acknowledges each, in their order, once it is durable. The next one is asked for only
 * while few wait, and only while the acknowledgements are taken, so that a producer is held back rather than refused: a
 * full queue, or a tenant that has sent more than it may, is waited for.
 * @throws DomainError `invalid-argument` when a number is not above the one before; whatever recording throws else. Then
 *   later batches may or may not be recorded: the producer sends again what was not acknowledged.
 */
export async function* ingestStream(
  batches: AsyncIterable<Batch>,
  signal: AbortSignal,
): AsyncGenerator<Acknowledgement, void, undefined> {
  const source = batches[Symbol.asyncIterator]();
  const waiting: Promise<Acknowledgement>[] = [];
  let before: bigint | undefined;
  let next: Promise<IteratorResult<Batch, unknown>> | undefined = ask(source);
  try {
    while (next !== undefined || waiting.length > 0) {
      const [oldest] = waiting;
      const step: Step = await Promise.race([
        ...(oldest === undefined ? [] : [oldest.then((acknowledged) => ({ acknowledged }))]),
        ...(next === undefined || waiting.length >= batchesAtOnce ? [] : [next.then((came) => ({ came }))]),
      ]);
      if ('acknowledged' in step) {
        void waiting.shift();
        yield step.acknowledged;
      } else if (step.came.done === true) {
        next = undefined;
      } else {
        const batch = step.came.value;
        requireOrder(batch.sequence, before);
        before = batch.sequence;
        waiting.push(quiet(recordPatiently(batch, signal)));
        next = ask(source);
      }
    }
  } finally {
    // Not awaited: where a read is pending, it would wait for a batch that nobody wants any more.
    void source.return?.().catch(() => undefined);
  }
}

type Step = { readonly acknowledged: Acknowledgement } | { readonly came: IteratorResult<Batch, unknown> };

function ask(source: AsyncIterator<Batch, unknown>): Promise<IteratorResult<Batch, unknown>> {
  return quiet(source.next());
}

/** Its failure is told to whoever awaits it; that nobody does is no fault of the process. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}

function requireOrder(sequence: bigint, before: bigint | undefined): void {
  if (before === undefined || sequence > before) return;
  throw invalidArgument([
    {
      field: 'sequence',
      description: `must be above that of the batch before it, ${before}`,
      reason: 'SEQUENCE_NOT_RISING',
    },
  ]);
}

async function recordPatiently({ sequence, record }: Batch, signal: AbortSignal): Promise<Acknowledgement> {
  for (;;) {
    try {
      return { sequence, ...(await record()) };
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind !== 'resource-exhausted') throw error;
      await sleep(error.retryAfterMs ?? retryMs, signal);
    }
  }
}
