import { DomainError } from '@parley/errors';
import type { CallLease } from './call-lease.ts';
import { toConnectError } from './connect-error.ts';
import { createEnvelopeTracker } from './envelope-tracker.ts';

export interface MeterOptions {
  /** Whether messages are in envelopes, as in all but the unary Connect protocol. */
  readonly hasEnvelopes: boolean;
  /** Whether the client may take its time between messages. */
  readonly isStream: boolean;
  /** What a compressed message is charged when it is complete, since it may grow to that; undefined: not compressed. */
  readonly inflatedBytes: number | undefined;
  readonly lease: CallLease;
  /** How long to wait for the bytes of one message, in all. */
  readonly messageMs: number;
  /** How long to wait for the next message of a stream to begin. */
  readonly idleMs: number;
  readonly requestId: string;
}

/**
 * Passes a request's body on while it comes in time and there is room for what has to be held of it.
 * A unary body counts until its call ends. Of a stream only the unfinished message counts, since whoever pulls the next
 * chunk has handed on what came before. Time counts only while the client is waited for, not while it waits for us.
 */
export async function* meterBody(
  body: AsyncIterable<Uint8Array>,
  { hasEnvelopes, isStream, inflatedBytes = 0, lease, messageMs, idleMs, requestId }: MeterOptions,
): AsyncGenerator<Uint8Array> {
  const source = body[Symbol.asyncIterator]();
  const envelopes = createEnvelopeTracker();
  let leftMs = messageMs;
  let held = 0;
  try {
    for (;;) {
      const isBetween = isStream && envelopes.unfinishedBytes() === 0;
      if (isStream) {
        held = envelopes.unfinishedBytes();
        lease.holdBytes(held);
      }
      const askedAt = performance.now();
      const result = await within(source.next(), isBetween ? idleMs : leftMs);
      leftMs = isBetween ? messageMs : leftMs - (performance.now() - askedAt);
      if (result.done === true) {
        lease.holdBytes(Math.max(held, hasEnvelopes ? 0 : inflatedBytes));
        return;
      }
      const finished = hasEnvelopes ? envelopes.push(result.value) : 0;
      if (isStream && finished > 0) {
        leftMs = messageMs;
      }
      held += result.value.byteLength;
      lease.holdBytes(finished > 0 ? Math.max(held, inflatedBytes) : held);
      yield result.value;
    }
  } catch (error) {
    throw error instanceof DomainError ? toConnectError(error, requestId) : error;
  } finally {
    // Not awaited: where a read is pending, it would wait for bytes that nobody wants any more.
    void source.return?.().catch(() => undefined);
  }
}

async function within<Value>(work: Promise<Value>, ms: number): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow()), Math.max(ms, 0));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(): DomainError {
  return new DomainError('The message did not come in time.', {
    kind: 'deadline-exceeded',
    reason: 'MESSAGE_TOO_SLOW',
  });
}
