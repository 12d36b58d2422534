/**
 * Waits `ms` milliseconds, or until `signal` is aborted: then it rejects with the signal's reason at once.
 * The wait keeps the process alive.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const reasonToStop = () => reject(asError(signal?.reason));
    if (signal?.aborted) {
      reasonToStop();
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reasonToStop();
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`);
}
