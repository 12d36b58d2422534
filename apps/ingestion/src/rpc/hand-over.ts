/**
 * What `produce` emits, one at a time: it goes on only when the last one has been taken. Leaving the iteration, or the
 * signal, makes its next `emit` throw, and is awaited.
 */
export async function* handOver<Item>(
  produce: (emit: (item: Item) => Promise<void>) => Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  let offered: { readonly item: Item; readonly taken: () => void } | undefined;
  let changed = Promise.withResolvers<void>();
  const left = new AbortController();
  const ended = AbortSignal.any([signal, left.signal]);
  const emit = (item: Item): Promise<void> =>
    new Promise((resolve, reject) => {
      if (ended.aborted) {
        reject(ended.reason as Error);
        return;
      }
      const onEnd = (): void => reject(ended.reason as Error);
      ended.addEventListener('abort', onEnd, { once: true });
      offered = {
        item,
        taken: () => {
          ended.removeEventListener('abort', onEnd);
          resolve();
        },
      };
      changed.resolve();
    });
  let isOver = false;
  const running = produce(emit).finally(() => {
    isOver = true;
    changed.resolve();
  });
  // Told where it is awaited below; once the reader has left, nobody wants to know.
  const settled = running.catch(() => undefined);
  try {
    for (;;) {
      await changed.promise;
      changed = Promise.withResolvers();
      const current = offered;
      offered = undefined;
      if (current !== undefined) {
        yield current.item;
        current.taken();
      } else if (isOver) {
        await running;
        return;
      }
    }
  } finally {
    left.abort(new Error('The reader has left.'));
    await settled;
  }
}
