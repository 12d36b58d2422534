import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Interceptor, type UnaryRequest } from '@connectrpc/connect';
import { RetryInfoSchema } from '@parley/contracts/google/rpc/error_details';
import { sleep } from '@parley/runtime';

export interface RetryOptions {
  /** Calls in all, the first included; 5 unless told. The call's deadline holds for all of them together. */
  readonly attempts?: number;
  /** The longest first pause, in ms; it doubles each time up to 5 s. 100 unless told. */
  readonly firstPauseMs?: number;
  /** Whether methods that don't say they can be repeated are repeated too: only for who knows that they can. */
  readonly repeatsAll?: boolean;
  /** From 0 up to 1, for the jitter. */
  readonly random?: () => number;
}

const longestPauseMs = 5000;

/**
 * Repeats unary calls that say they can be repeated (`idempotency_level`) while the server can't be reached
 * (UNAVAILABLE) or asks to come again (RESOURCE_EXHAUSTED with RetryInfo). Between them lies a random pause of up to
 * `firstPauseMs`, doubled each time, and never less than what the server asked for.
 */
export function createRetryInterceptor({
  attempts = 5,
  firstPauseMs = 100,
  repeatsAll = false,
  random = Math.random,
}: RetryOptions = {}): Interceptor {
  return (next) => async (request) => {
    if (request.stream || !(repeatsAll || isRepeatable(request))) {
      return next(request);
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await next(request);
      } catch (error) {
        const askedMs = askedPauseMs(error);
        if (attempt === attempts || askedMs === undefined) {
          throw error;
        }
        const mostMs = Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs);
        await sleep(askedMs + random() * mostMs, request.signal);
      }
    }
  };
}

function isRepeatable({ method }: UnaryRequest): boolean {
  return method.idempotency === Idempotency.NO_SIDE_EFFECTS || method.idempotency === Idempotency.IDEMPOTENT;
}

/** How long the server asks to wait before the call is repeated; undefined when it must not be. */
function askedPauseMs(error: unknown): number | undefined {
  if (!(error instanceof ConnectError)) {
    return undefined;
  }
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const askedMs = delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  switch (error.code) {
    case Code.Unavailable:
      return askedMs ?? 0;
    case Code.ResourceExhausted:
      return askedMs;
    default:
      return undefined;
  }
}
