import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLiveFeed } from './live-feed.ts';

/** A feed over a value that is set from outside. */
function feedOf({ quietMs = 60_000, spacingMs = 1 } = {}) {
  let value = 1;
  let reads = 0;
  let failure: Error | undefined;
  let wake = () => {};
  const feed = createLiveFeed<string, number>({
    keyOf: (question) => question,
    read: async () => {
      reads += 1;
      if (failure !== undefined) throw failure;
      return value;
    },
    untilChanged: (_, signal) =>
      new Promise((resolve, reject) => {
        wake = resolve;
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    isSame: (before, after) => before === after,
    spacingMs,
    quietMs,
  });
  return {
    feed,
    reads: () => reads,
    async set(next: number) {
      await wait(20);
      value = next;
      wake();
    },
    async fail(error: Error | undefined) {
      await wait(20);
      failure = error;
      wake();
    },
  };
}

const never = new AbortController().signal;

test('however many watch the same, it is read once', async () => {
  const { feed, reads, set } = feedOf();
  const watchers = [feed.watch('a', never), feed.watch('a', never), feed.watch('a', never)];
  expect(await Promise.all(watchers.map(async (watcher) => (await watcher.next()).value))).toEqual([1, 1, 1]);
  expect(reads()).toBe(1);
  const next = Promise.all(watchers.map(async (watcher) => (await watcher.next()).value));
  await set(2);
  expect(await next).toEqual([2, 2, 2]);
  expect(reads()).toBe(2);
  for (const watcher of watchers) await watcher.return(undefined as never);
});

test('a slow watcher gets the latest answer, not all that lay between', async () => {
  const { feed, set } = feedOf();
  const [slow, fast] = [feed.watch('a', never), feed.watch('a', never)];
  await slow.next();
  await fast.next();
  for (const value of [2, 3, 4]) await set(value);
  await wait(20);
  expect((await slow.next()).value).toBe(4);
});

test('what changes while it rests between two readings is read right after', async () => {
  const { feed, set } = feedOf({ spacingMs: 100 });
  const watcher = feed.watch('a', never);
  await watcher.next();
  const next = watcher.next();
  // Nothing else happens that could wake it.
  await set(2);
  expect((await next).value).toBe(2);
});

test('what has not changed is said again after the quiet time, and not before', async () => {
  const { feed, set } = feedOf({ quietMs: 200 });
  const watcher = feed.watch('a', never);
  await watcher.next();
  const startedAt = performance.now();
  const next = watcher.next();
  await set(1);
  expect((await next).value).toBe(1);
  expect(performance.now() - startedAt).toBeGreaterThan(190);
});

test('when nobody watches any more nothing is read, and who comes later begins anew', async () => {
  const { feed, reads, set } = feedOf();
  const watcher = feed.watch('a', never);
  await watcher.next();
  await watcher.return(undefined as never);
  await set(2);
  await wait(20);
  expect(reads()).toBe(1);
  expect((await feed.watch('a', never).next()).value).toBe(2);
});

test('a failed reading ends every watcher with its error, and the next one begins anew', async () => {
  const { feed, fail } = feedOf();
  const [one, other] = [feed.watch('a', never), feed.watch('a', never)];
  await one.next();
  await other.next();
  const ends = [expect(one.next()).rejects.toThrow('gone'), expect(other.next()).rejects.toThrow('gone')];
  await fail(new Error('gone'));
  await Promise.all(ends);
  await fail(undefined);
  expect((await feed.watch('a', never).next()).value).toBe(1);
});

test("a watcher ends with its signal's reason", async () => {
  const { feed } = feedOf();
  const end = new AbortController();
  const watcher = feed.watch('a', end.signal);
  await watcher.next();
  const next = watcher.next();
  end.abort(new Error('left'));
  await expect(next).rejects.toThrow('left');
});
