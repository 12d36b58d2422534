import type { Interceptor } from '@connectrpc/connect';

/**
 * Ends a call when its signal is aborted (its deadline passed, its client left, the server stops a stream) even if
 * its handler does not listen: otherwise a deaf handler would answer late, and OK.
 */
export const deadlineInterceptor: Interceptor = (next) => async (request) => {
  const { signal } = request;
  const response = await orAbort(next(request), signal);
  if (!response.stream) {
    return response;
  }
  return { ...response, message: abortableStream(response.message, signal) };
};

async function* abortableStream<Value>(
  source: AsyncIterable<Value>,
  signal: AbortSignal,
): AsyncGenerator<Value> {
  const iterator = source[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const result = await orAbort(iterator.next(), signal);
      if (result.done === true) {
        isDone = true;
        return;
      }
      yield result.value;
    }
  } finally {
    if (!isDone) {
      // Not awaited: a deaf handler ends when it ends. Its error then has no one left to be told.
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
    }
  }
}

async function orAbort<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  if (signal.aborted) {
    onAbort();
  } else {
    signal.addEventListener('abort', onAbort, { once: true });
  }
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
