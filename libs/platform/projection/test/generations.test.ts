import type { Database } from '@parley/database';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import type { ProjectionRuntime } from '../src/index.ts';
import { rebuildProjection } from '../src/rebuild-projection.ts';
import type { RebuildStep } from '../src/rebuild-projection.ts';
import { createSimulatedLog } from './simulated-log.ts';
import { projectionName, service, someWords, wordsProjection } from './words-projection.ts';
import {
  countsOf,
  openAs,
  positionsOf,
  prepare,
  startRuntime,
  until,
  untilCaughtUp,
  verified,
  wordCounts,
} from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;
const partitionCount = 2;

async function setUp({ wordCount = 500 } = {}) {
  const database = await cluster.database(service, prepare);
  const log = createSimulatedLog({ partitionCount });
  for (let partition = 0; partition < partitionCount; partition += 1)
    log.append(partition, someWords(wordCount));
  return {
    log,
    worker: await openAs(database, 'worker'),
    openAnother: (poolSize = 10) => openAs(database, 'worker', poolSize),
  };
}

async function rebuilt(runtime: ProjectionRuntime) {
  const steps = await Array.fromAsync(runtime.rebuild(projectionName, never));
  const last = steps.at(-1);
  if (last === undefined) throw new Error('a rebuild ended without a step');
  return last;
}

async function generationsOf(db: Database) {
  const { rows } = await db.query<{ generation: number; state: string }>(
    'select generation, state from projection_generations order by generation',
  );
  return rows;
}

async function generationsWithRows(db: Database): Promise<readonly number[]> {
  const { rows } = await db.query<{ generation: number }>(
    'select generation from words union select generation from last_words order by generation',
  );
  return rows.map(({ generation }) => generation);
}

test(
  'a rebuild is followed through a time in which the pool gives no connection',
  { timeout: 60_000 },
  async () => {
    const { log, worker, openAnother } = await setUp();
    const runtime = startRuntime({ db: worker, source: log, batchSize: 50 });
    await untilCaughtUp(worker, await log.heads(never));
    const follower = await openAnother(1);
    /** Holds the only connection for longer than anybody waits for one, once the first step is there. */
    const followed = async (patienceMs: number): Promise<readonly RebuildStep[]> => {
      const steps: RebuildStep[] = [];
      let held: Promise<unknown> = Promise.resolve();
      for await (const step of rebuildProjection(follower, wordsProjection(), runtime.progress, never, {
        patienceMs,
      })) {
        steps.push(step);
        if (steps.length === 1) held = follower.query('select pg_sleep(2.5)');
      }
      await held;
      return steps;
    };

    log.setDown(true);
    const impatient = followed(0);
    await expect(impatient).rejects.toMatchObject({ kind: 'unavailable', reason: 'DATABASE_UNAVAILABLE' });
    const patient = followed(30_000);
    log.setDown(false);
    // The first one may have been built before the second was asked for.
    expect((await patient).at(-1)).toMatchObject({ isDone: true, eventCount: 1_000n });
  },
);

test('a rebuild makes the same rows beside the running ones, takes over, and the old rows go', async () => {
  const { log, worker } = await setUp();
  const runtime = startRuntime({ db: worker, source: log, batchSize: 50 });
  await untilCaughtUp(worker, await log.heads(never));

  const last = await rebuilt(runtime);

  expect(last).toMatchObject({ generation: 2, isDone: true, eventCount: 1_000n, totalEventCount: 1_000n });
  expect(await wordCounts(worker)).toEqual(countsOf(log, partitionCount));
  await until(async () => (await generationsWithRows(worker)).join() === '2');
  expect(await generationsOf(worker)).toEqual([
    { generation: 1, state: 'retired' },
    { generation: 2, state: 'active' },
  ]);
});

test('nothing is past an event before every generation of which there are rows has taken it', async () => {
  const { log, worker } = await setUp();
  const runtime = startRuntime({ db: worker, source: log, batchSize: 50 });
  await untilCaughtUp(worker, await log.heads(never));
  expect(await runtime.isPast(0, 500n)).toBe(true);
  expect(await runtime.isPast(0, 501n)).toBe(false);

  // What a process builds that has stopped for a while.
  await worker.query(`insert into projection_generations values ('toy.words', 2, 1, 'verifying')`);
  expect(await runtime.isPast(0, 1n)).toBe(false);
  await worker.query(
    `insert into projection_checkpoints
       (partition, projection, generation, position, lease_holder, lease_token, lease_expires_at)
     values (0, 'toy.words', 2, 3, 'stopped', 1, clock_timestamp() + interval '1 second')`,
  );
  expect([await runtime.isPast(0, 3n), await runtime.isPast(0, 4n)]).toEqual([true, false]);
  // Given up, its rows are deleted.
  await until(() => runtime.isPast(0, 500n));
});

test('while events stream in, a rebuild takes over without an answer ever going back', async () => {
  const { log, worker } = await setUp();
  const runtime = startRuntime({ db: worker, source: log, batchSize: 50 });
  await untilCaughtUp(worker, await log.heads(never));
  let isDone = false;
  const rebuild = rebuilt(runtime).finally(() => (isDone = true));
  const saidBefore = { count: 0 };
  const wentBack: number[] = [];
  while (!isDone) {
    for (let partition = 0; partition < partitionCount; partition += 1) log.append(partition, someWords(20));
    const said = Object.values(await wordCounts(worker)).reduce((sum, count) => sum + count, 0);
    if (said < saidBefore.count) wentBack.push(said);
    saidBefore.count = said;
  }
  await rebuild;
  await untilCaughtUp(worker, await log.heads(never));
  expect(wentBack).toEqual([]);
  expect(await wordCounts(worker)).toEqual(countsOf(log, partitionCount));
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
});

test('a rebuild goes on where it was when its process ends, twice, and another one finishes it', async () => {
  const { log, worker } = await setUp({ wordCount: 2_000 });
  const first = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  await first.close();

  const reached: bigint[] = [];
  for (let round = 0; round < 2; round += 1) {
    const slow = startRuntime({
      db: worker,
      source: log,
      batchSize: 20,
      reachFailpoint: () => new Promise((resolve) => setTimeout(resolve, 5)),
    });
    const steps = slow.rebuild(projectionName, never);
    const before = reached.at(-1) ?? 0n;
    for await (const { eventCount } of steps) {
      if (eventCount <= before + 100n) continue;
      reached.push(eventCount);
      break;
    }
    await slow.close();
  }
  expect(await generationsOf(worker)).toContainEqual({ generation: 2, state: 'building' });
  expect(reached).toHaveLength(2);

  const last = await rebuilt(startRuntime({ db: worker, source: log }));
  expect(last).toMatchObject({ generation: 2, isDone: true });
  expect(await wordCounts(worker)).toEqual(countsOf(log, partitionCount));
});

test('ending the call does not end the rebuild, and asking again follows it', async () => {
  const { log, worker } = await setUp();
  const runtime = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  for await (const { generation } of runtime.rebuild(projectionName, never)) {
    expect(generation).toBe(2);
    break;
  }
  expect(await rebuilt(runtime)).toMatchObject({ isDone: true });
  expect((await generationsOf(worker)).filter(({ state }) => state === 'active')).toHaveLength(1);
});

test('newer code builds a generation of its own beside, and the old one answers and moves on until then', async () => {
  const { log, worker } = await setUp();
  const old = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  await old.close();

  let isLetGo = false;
  const runtime = startRuntime({
    db: worker,
    source: log,
    projections: [wordsProjection({ version: 2 })],
    reachFailpoint: async (_, { generation }) => {
      if (generation === 2) await until(() => isLetGo);
    },
  });
  log.append(0, [{ text: 'new' }]);
  await until(async () => (await wordCounts(worker)).new === 1);
  await until(async () => (await runtime.list())[0]?.rebuildProgress !== undefined);
  expect((await runtime.list())[0]).toMatchObject({ version: 2, generation: 1 });

  isLetGo = true;
  await until(async () => (await runtime.list())[0]?.generation === 2);
  expect(await wordCounts(worker)).toEqual(countsOf(log, partitionCount));
  await until(async () => (await generationsWithRows(worker)).join() === '2');
});

test('older code leaves the rows of newer code alone', async () => {
  const { log, worker } = await setUp();
  const newer = startRuntime({ db: worker, source: log, projections: [wordsProjection({ version: 2 })] });
  await untilCaughtUp(worker, await log.heads(never));
  await newer.close();
  const before = await positionsOf(worker);

  const older = startRuntime({ db: worker, source: log });
  log.append(0, someWords(10));
  await new Promise((resolve) => setTimeout(resolve, 500));

  expect(await positionsOf(worker)).toEqual(before);
  await expect(rebuilt(older)).rejects.toMatchObject({ reason: 'PROJECTION_OUTDATED' });
});

test('two processes that start at once make one generation', async () => {
  const { log, worker, openAnother } = await setUp();
  startRuntime({ db: worker, source: log });
  startRuntime({ db: await openAnother(), source: log });
  await untilCaughtUp(worker, await log.heads(never));
  expect(await generationsOf(worker)).toEqual([{ generation: 1, state: 'active' }]);
  expect(await wordCounts(worker)).toEqual(countsOf(log, partitionCount));
});

test('when a process closes, another goes on at once', async () => {
  const { log, worker, openAnother } = await setUp();
  const first = startRuntime({ db: worker, source: log, leaseMs: 60_000 });
  await untilCaughtUp(worker, await log.heads(never));
  const other = await openAnother();
  startRuntime({ db: other, source: log, leaseMs: 60_000 });
  await first.close();
  log.append(0, someWords(10));
  await untilCaughtUp(other, await log.heads(never));
});
