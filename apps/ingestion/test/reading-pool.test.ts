import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReadingPool } from '../src/language/reading-pool.ts';
import type { ReadingModel } from '../src/language/reading-protocol.ts';
import { logger } from './service-fixture.ts';

const pool = createReadingPool({
  threads: 1,
  loadModel: (key) => Promise.reject(new Error(`There is no ${key}.`)),
  logger,
});
afterAll(() => pool.close());

const common: ReadingModel = { key: '', version: 0, threshold: undefined };
const texts = (count: number, length = 20) =>
  Array.from({ length: count }, (_, index) => ({
    text: `where is my parcel ${index} `.padEnd(length, 'some more words '),
    wantsIntent: true,
    wantsSentiment: true,
  }));
const patient = { maxWaiting: 100_000_000, timeoutMs: 60_000 };
// The thread learns the common intents first.
beforeAll(async () => void (await pool.read(common, texts(1), patient)), 60_000);

test('a small order is not held up by a large one that came before it', async () => {
  const ended: string[] = [];
  const large = pool.read(common, texts(5_000, 500), patient).then(() => ended.push('large'));
  const small = Array.from({ length: 30 }, () =>
    pool.read(common, texts(1), patient).then(() => ended.push('small')),
  );
  await Promise.all([large, ...small]);
  expect(ended.at(-1)).toBe('large');
});

test('where time is up, what was read is given, and the rest is left out of the queue', async () => {
  const all = texts(20_000, 500);
  const part = await pool.read(common, all, { ...patient, timeoutMs: 60, takesPart: true });
  expect(part).toHaveLength(all.length);
  expect(part.filter((one) => one === undefined).length).toBeGreaterThan(0);
  // Far sooner than all of it would take.
  const startedAt = performance.now();
  await pool.read(common, texts(200), patient);
  const shortMs = performance.now() - startedAt;
  await pool.read(common, all, patient);
  expect(performance.now() - startedAt - shortMs).toBeGreaterThan(shortMs);
}, 60_000);

test('more than may wait is refused, and is taken again once there is room', async () => {
  const bound = { maxWaiting: 100_000, timeoutMs: 60_000 };
  const first = pool.read(common, texts(1_000), bound);
  await expect(pool.read(common, texts(1_000), bound)).rejects.toMatchObject({ reason: 'READERS_BUSY' });
  await first;
  await expect(pool.read(common, texts(1_000), bound)).resolves.toHaveLength(1_000);
});

test('a model that can not be loaded fails its own texts alone', async () => {
  const other: ReadingModel = { key: 'gone', version: 1, threshold: undefined };
  const orders = [
    pool.read(other, texts(3), patient),
    pool.read(common, texts(3), patient),
    pool.read(other, texts(300), patient),
  ];
  const outcomes = await Promise.allSettled(orders);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
});
