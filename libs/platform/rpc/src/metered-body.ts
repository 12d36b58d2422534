import { Code, ConnectError } from '@connectrpc/connect';
import { DomainError } from '@parley/errors';
import type { CallLease } from './call-lease.ts';
import { toConnectError } from './connect-error.ts';
import { createEnvelopeTracker } from './envelope-tracker.ts';
import type { FairTurns } from './fair-turns.ts';
import type { Patience, PatienceClock } from './patience-clock.ts';

export interface MeterOptions {
  /** Whether messages are in envelopes, as in all but the unary Connect protocol. */
  readonly hasEnvelopes: boolean;
  /** Whether the client may take its time between messages. */
  readonly isStream: boolean;
  /** Whether messages are compressed: a complete one is charged the most that it may grow to. */
  readonly isCompressed: boolean;
  readonly maxMessageBytes: number;
  readonly lease: CallLease;
  /** Asked before a large message is passed on. */
  readonly turns: FairTurns;
  readonly clock: PatienceClock;
  /** How many bytes the connection has brought so far, whichever call they are for. */
  readonly bytesRead: () => number;
  /** When nobody waits for the answer any more, by `performance.now()`. */
  readonly endsAt: number;
  /** How long to wait for the bytes of one message, in all. */
  readonly messageMs: number;
  /** How long to wait for the next message of a stream to begin. */
  readonly idleMs: number;
  readonly requestId: string;
}

/** What takes longer to read than a call takes in all: about a millisecond. */
const largeBytes = 32 * 1024;

/** What a chunk costs beside its bytes: without it, a megabyte sent one byte at a time would hold 200 of them. */
const chunkBytes = 200;

/**
 * Passes a request's body on while it comes in time and there is room for what has to be held of it.
 *
 * A message in an envelope is passed on when it is complete. The library sets aside what an envelope promises as soon
 * as it sees it, so five bytes would hold a megabyte; one that promises too much is passed on at once, to be refused.
 * A unary body counts until its call ends. Of a stream only the unfinished message counts, since whoever pulls the next
 * chunk has handed on what came before. Time counts only while the client is waited for, not while it waits for us; see
 * `patience-clock.ts`.
 */
export async function* meterBody(
  body: AsyncIterable<Uint8Array>,
  {
    hasEnvelopes,
    isStream,
    isCompressed,
    maxMessageBytes,
    lease,
    turns,
    clock,
    bytesRead,
    endsAt,
    messageMs,
    idleMs,
    requestId,
  }: MeterOptions,
): AsyncGenerator<Uint8Array> {
  const source = body[Symbol.asyncIterator]();
  const envelopes = createEnvelopeTracker();
  const inflatedBytes = isCompressed ? maxMessageBytes : 0;
  const patienceOf = (leftMs: number): Patience => ({ leftMs, endsAt, bytesRead });
  let patience = patienceOf(messageMs);
  let unfinished: Uint8Array[] = [];
  let unfinishedCost = 0;
  let passedCost = 0;
  let bodyBytes = 0;
  // What is compressed counts once it is decoded, and what a stream brings once it is its turn.
  const charge = (bytes: number): void => {
    if (!isStream && !isCompressed) lease.charge(bytes);
  };
  try {
    for (;;) {
      if (isStream) {
        passedCost = 0;
        lease.holdBytes(unfinishedCost);
      }
      const isBetween = isStream && unfinished.length === 0;
      const result = await clock
        .wait(source.next(), isBetween ? patienceOf(idleMs) : patience)
        .catch(brokenOff);
      if (result.done === true) {
        if (!hasEnvelopes) {
          lease.holdBytes(Math.max(passedCost, inflatedBytes));
          charge(bodyBytes);
          if (passedCost >= largeBytes) await turns.next(lease.holder ?? '');
        }
        yield* unfinished;
        return;
      }
      const chunk = result.value;
      const end = hasEnvelopes ? envelopes.push(chunk) : chunk.byteLength;
      if (end === 0) {
        unfinished.push(chunk);
        unfinishedCost += costOf(chunk);
        lease.holdBytes(passedCost + unfinishedCost);
      } else {
        const complete = [...unfinished, chunk.subarray(0, end)];
        passedCost += unfinishedCost + costOf(chunk);
        unfinished = end < chunk.byteLength ? [chunk.subarray(end)] : [];
        unfinishedCost = unfinished.reduce((sum, rest) => sum + costOf(rest), 0);
        patience = isStream ? patienceOf(messageMs) : patience;
        lease.holdBytes(hasEnvelopes ? Math.max(passedCost, inflatedBytes) : passedCost);
        bodyBytes += chunk.byteLength;
        if (hasEnvelopes) charge(complete.reduce((sum, part) => sum + part.byteLength, 0));
        if (hasEnvelopes && passedCost >= largeBytes) await turns.next(lease.holder ?? '');
        yield* complete;
      }
      if (envelopes.promisedBytes() > maxMessageBytes) {
        yield* unfinished;
        unfinished = [];
      }
    }
  } catch (error) {
    throw error instanceof DomainError ? toConnectError(error, requestId) : error;
  } finally {
    // Not awaited: where a read is pending, it would wait for bytes that nobody wants any more.
    void source.return?.().catch(() => undefined);
  }
}

/** A request that its client breaks off is nobody's fault here. */
function brokenOff(error: unknown): never {
  throw error instanceof DomainError
    ? error
    : new ConnectError('The request broke off.', Code.Canceled, undefined, undefined, error);
}

function costOf({ byteLength }: Uint8Array): number {
  return byteLength + chunkBytes;
}
