import { performance } from 'node:perf_hooks';
import { DomainError } from '@parley/errors';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { createProjectionReader } from '../src/index.ts';
import type { ProjectionRuntime } from '../src/index.ts';
import type { Database } from '@parley/database';
import { createSimulatedLog } from './simulated-log.ts';
import { projectionName, service } from './words-projection.ts';
import { openAs, prepare, startRuntime, until, untilCaughtUp } from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;
const tenantId = '0190a5e4-7b5c-7cc0-8000-00000000000f';

async function setUp({ partitionCount = 1 } = {}) {
  const database = await cluster.database(service, prepare);
  const log = createSimulatedLog({ partitionCount });
  return { log, worker: await openAs(database, 'worker'), app: await openAs(database, 'app') };
}

function readerOf(app: Database, { progress }: ProjectionRuntime, maxWaitMs = 5_000) {
  return createProjectionReader({ db: app, projection: projectionName, progress, maxWaitMs });
}

test('an answer waits for the position that it must hold', async () => {
  const { log, worker, app } = await setUp();
  const runtime = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));

  const answer = readerOf(app, runtime).read(
    { tenantId, partition: 0, minPosition: 1n, signal: never },
    async ({ tx, generation, watermark }) => {
      const { rows } = await tx.query('select word from words where partition = 0 and generation = $1', [
        generation,
      ]);
      return { rows, watermark };
    },
  );
  const receivedAt = new Date('2026-03-01T10:00:00Z');
  log.append(0, [{ text: 'hello', receivedAt }]);

  expect(await answer).toEqual({
    rows: [{ word: 'hello' }],
    watermark: { position: 1n, completeTo: receivedAt, lagMs: 0 },
  });
});

test('it waits also when another process moves the projection', async () => {
  const { log, worker, app } = await setUp();
  startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  const other = startRuntime({ db: worker, source: log });

  log.append(0, [{ text: 'hello' }]);
  const watermark = await readerOf(app, other).read(
    { tenantId, partition: 0, minPosition: 1n, signal: never },
    async (snapshot) => snapshot.watermark,
  );

  expect(watermark.position).toBe(1n);
});

test('what does not come in time is unavailable, and says so with a time to try again', async () => {
  const { log, worker, app } = await setUp();
  const runtime = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  const before = performance.now();

  const answer = readerOf(app, runtime, 100).read(
    { tenantId, partition: 0, minPosition: 1n, signal: never },
    async () => undefined,
  );

  await expect(answer).rejects.toMatchObject({
    kind: 'unavailable',
    reason: 'NOT_CAUGHT_UP',
    retryAfterMs: expect.any(Number),
  });
  expect(performance.now() - before).toBeLessThan(1_000);
});

test('an aborted wait ends at once', async () => {
  const { log, worker, app } = await setUp();
  const runtime = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  const call = new AbortController();
  const answer = readerOf(app, runtime).read(
    { tenantId, partition: 0, minPosition: 1n, signal: call.signal },
    async () => undefined,
  );
  call.abort();
  await expect(answer).rejects.toThrow(DomainError);
});

test('before the projection has run there is no answer', async () => {
  const { log, worker, app } = await setUp();

  await expect(
    readerOf(app, startRuntime({ db: worker, source: log, projections: [] })).read(
      { tenantId, partition: 0, signal: never },
      async () => undefined,
    ),
  ).rejects.toMatchObject({ reason: 'PROJECTION_NOT_STARTED' });
});

test('while events wait to be taken, the lag is the age of the oldest, else 0', async () => {
  let nowMs = Date.parse('2026-03-01T10:00:00Z');
  const now = () => new Date(nowMs);
  const { worker, app } = await setUp();
  const log = createSimulatedLog({ now });
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let isHolding = false;
  const runtime = startRuntime({
    db: worker,
    source: log,
    now,
    reachFailpoint: async (failpoint) => {
      if (failpoint !== 'projection:read' || !isHolding) return;
      await held;
    },
  });
  const lag = () =>
    readerOf(app, runtime).read(
      { tenantId, partition: 0, signal: never },
      async ({ watermark }) => watermark.lagMs,
    );
  log.append(0, [{ text: 'taken' }]);
  await untilCaughtUp(worker, await log.heads(never));
  nowMs += 10_000;
  expect(await lag()).toBe(0);

  isHolding = true;
  log.append(0, [{ text: 'held up' }]);
  await until(() => runtime.progress.headOf(0) === 2n);
  nowMs += 3_000;
  expect(await lag()).toBe(3_000);

  letGo();
  await untilCaughtUp(worker, await log.heads(never));
  expect(await lag()).toBe(0);
});

test('when the log falls silent, lag is counted from when it was last heard', async () => {
  let nowMs = Date.parse('2026-03-01T10:00:00Z');
  const { worker, app } = await setUp();
  const log = createSimulatedLog({ now: () => new Date(nowMs) });
  const runtime = startRuntime({ db: worker, source: log, now: () => new Date(nowMs) });
  log.append(0, [{ text: 'hello' }]);
  await untilCaughtUp(worker, await log.heads(never));
  log.setDown(true);
  nowMs += 60_000;
  const { lagMs } = await readerOf(app, runtime).read(
    { tenantId, partition: 0, signal: never },
    async ({ watermark }) => watermark,
  );
  expect(lagMs).toBe(60_000);
});
