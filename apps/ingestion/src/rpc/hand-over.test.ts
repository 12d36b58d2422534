import { expect, test } from 'vitest';
import { handOver } from './hand-over.ts';

const never = new AbortController().signal;

test('items come in their order, each asked for only once the last one was taken', async () => {
  let emitted = 0;
  const items = handOver<number>(async (emit) => {
    for (let item = 0; item < 5; item += 1) {
      await emit(item);
      emitted += 1;
    }
  }, never);
  const seen: number[] = [];
  for await (const item of items) {
    seen.push(item);
    await new Promise((resolve) => setImmediate(resolve));
    expect(emitted).toBe(item);
  }
  expect(seen).toEqual([0, 1, 2, 3, 4]);
});

test('a failure comes after what was emitted before it', async () => {
  const seen: number[] = [];
  const reading = (async () => {
    for await (const item of handOver<number>(async (emit) => {
      await emit(1);
      throw new Error('broken');
    }, never)) {
      seen.push(item);
    }
  })();
  await expect(reading).rejects.toThrow('broken');
  expect(seen).toEqual([1]);
});

test('a reader who leaves, and a signal, end the producer', async () => {
  for (const end of ['leave', 'abort'] as const) {
    const stop = new AbortController();
    let isOver = false;
    const reading = (async () => {
      for await (const item of handOver<number>(async (emit) => {
        try {
          for (let next = 0; ; next += 1) await emit(next);
        } finally {
          isOver = true;
        }
      }, stop.signal)) {
        if (item === 3 && end === 'leave') break;
        if (item === 3) stop.abort(new Error('stopped'));
      }
    })();
    if (end === 'abort') await expect(reading).rejects.toThrow('stopped');
    else await reading;
    expect(isOver).toBe(true);
  }
});
