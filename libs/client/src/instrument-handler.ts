import type { CompletionInput, InteractionInput } from './event-input.ts';
import type { ParleyClient } from './parley-client.ts';

/** What a handler's result says of the bot's answer. */
export type Answer = Omit<CompletionInput, 'interactionId' | 'responseTimeMs' | 'occurredAt'>;

export interface InstrumentOptions<Result> {
  /** What the bot answered, read from the handler's result; a result that is a text is the answer itself unless told. */
  readonly answer?: (result: Result) => Answer;
  /** Told when `describe` or `answer` throws. */
  readonly onError?: (error: unknown) => void;
  /** A clock that is never set back, in ms. */
  readonly monotonicMs?: () => number;
}

/** As the contract bounds it. */
const maxErrorCodeLength = 200;

/**
 * A handler that does as `handler` does, and reports it: the interaction before, and the answer, how long it took and the
 * error's code after. It returns what the handler returns, at once where that does, and throws what it throws; nothing that
 * goes wrong in reporting reaches the caller. `describe` says from the handler's arguments who said what to which bot.
 */
export function instrumentHandler<Self, Args extends unknown[], Result>(
  client: Pick<ParleyClient, 'interaction' | 'complete'>,
  handler: (this: Self, ...args: Args) => Result,
  describe: (...args: Args) => InteractionInput,
  options: InstrumentOptions<Awaited<Result>> = {},
): (this: Self, ...args: Args) => Result {
  const { answer = textAnswer, onError, monotonicMs = () => performance.now() } = options;

  const attempt = <Value>(what: () => Value): Value | undefined => {
    try {
      return what();
    } catch (error) {
      onError?.(error);
      return undefined;
    }
  };

  return function instrumented(this: Self, ...args: Args): Result {
    const interactionId = attempt(() => client.interaction(describe(...args)));
    const startedAt = monotonicMs();
    const complete = (answered: () => Answer): void => {
      if (interactionId === undefined) return;
      const responseTimeMs = Math.round(monotonicMs() - startedAt);
      client.complete({ ...attempt(answered), interactionId, responseTimeMs });
    };
    const failed = (error: unknown): void => complete(() => ({ errorCode: errorCodeOf(error) }));

    let result: Result;
    try {
      result = handler.apply(this, args);
    } catch (error) {
      failed(error);
      throw error;
    }
    if (isPromiseLike<Awaited<Result>>(result)) {
      // Beside the caller's own waiting, so that the very promise is given back.
      result.then((value) => complete(() => answer(value)), failed);
      return result;
    }
    complete(() => answer(result as Awaited<Result>));
    return result;
  };
}

const textAnswer = (result: unknown): Answer => (typeof result === 'string' ? { responseText: result } : {});

function errorCodeOf(error: unknown): string {
  const code = error instanceof Error ? ('code' in error ? String(error.code) : error.name) : typeof error;
  return code.slice(0, maxErrorCodeLength) || 'error';
}

const isPromiseLike = <Value>(value: unknown): value is PromiseLike<Value> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
