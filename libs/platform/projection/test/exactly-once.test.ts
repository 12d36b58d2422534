import type { LogSource } from '@parley/event';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSimulatedLog } from './simulated-log.ts';
import { service, someWords } from './words-projection.ts';
import {
  countsOf,
  openAs,
  positionsOf,
  prepare,
  recordingLogger,
  startRuntime,
  until,
  untilCaughtUp,
  verified,
  wordCounts,
} from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;

test('each event of each partition is counted once', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const log = createSimulatedLog({ partitionCount: 4 });
  for (let partition = 0; partition < 4; partition += 1) log.append(partition, someWords(1_000));
  startRuntime({ db: worker, source: log });

  await untilCaughtUp(worker, await log.heads(never));

  expect(await wordCounts(worker)).toEqual(countsOf(log, 4));
});

test('however events are batched, the rows are the same', async () => {
  const database = await cluster.database(service, prepare);
  const rowsAfter = async (batchSize: number, portions: readonly number[]) => {
    const copy = await cluster.database(service, prepare);
    const worker = await openAs(copy, 'worker');
    const log = createSimulatedLog();
    const runtime = startRuntime({ db: worker, source: log, batchSize });
    const words = someWords(portions.reduce((sum, count) => sum + count, 0));
    for (const count of portions) log.append(0, words.splice(0, count));
    await untilCaughtUp(worker, await log.heads(never));
    const { rows } = await worker.query('select * from words order by word');
    await runtime.close();
    return rows;
  };
  const whole = await rowsAfter(5_000, [300]);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 5 }),
      async (batchSize, portions) => {
        const rest = 300 - portions.reduce((sum, count) => sum + count, 0);
        expect(await rowsAfter(batchSize, [...portions, rest])).toEqual(whole);
      },
    ),
    { numRuns: 8 },
  );
  await database.drop();
});

test('what fails between fold and commit, or right after it, is counted once all the same', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const log = createSimulatedLog({ partitionCount: 2 });
  let failures = 0;
  let reached = 0;
  const runtime = startRuntime({
    db: worker,
    source: log,
    batchSize: 50,
    reachFailpoint: () => {
      reached += 1;
      if (reached % 5 !== 0) return;
      failures += 1;
      throw Object.assign(new Error('terminating connection'), { code: '57P01' });
    },
  });
  for (let round = 0; round < 10; round += 1) {
    for (const partition of [0, 1]) log.append(partition, someWords(100));
    await untilCaughtUp(worker, await log.heads(never));
  }
  expect(failures).toBeGreaterThan(5);
  expect(await wordCounts(worker)).toEqual(countsOf(log, 2));
  expect((await runtime.list())[0]?.parkedCount).toBe(0n);
});

test('killing backends again and again loses nothing and counts nothing twice', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const killer = await openAs(database, 'worker');
  const log = createSimulatedLog({ partitionCount: 4 });
  const runtime = startRuntime({ db: worker, source: log, batchSize: 20 });
  let kills = 0;
  while (kills < 25) {
    for (let partition = 0; partition < 4; partition += 1) log.append(partition, someWords(100));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const { rowCount } = await killer.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and usename = current_user and pid <> pg_backend_pid() and random() < 0.5`,
    );
    kills += rowCount;
  }
  await untilCaughtUp(worker, await log.heads(never));

  expect(await wordCounts(worker)).toEqual(countsOf(log, 4));
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
});

test('an immediate stop of Postgres in the middle of folds counts nothing twice', async () => {
  const database = await cluster.database(service, prepare);
  const { logger, lines } = recordingLogger();
  const worker = await openAs(database, 'worker');
  const log = createSimulatedLog({ partitionCount: 4 });
  startRuntime({ db: worker, source: log, batchSize: 20, logger });
  for (let partition = 0; partition < 4; partition += 1) log.append(partition, someWords(2_000));
  await until(async () => [...(await positionsOf(worker)).values()].some((position) => position > 200n));
  expect([...(await positionsOf(worker)).values()].some((position) => position < 2_000n)).toBe(true);

  await cluster.server.crash();
  await cluster.server.ready(30_000);

  await untilCaughtUp(worker, await log.heads(never));
  expect(await wordCounts(worker)).toEqual(countsOf(log, 4));
  // Once per outage, not per try.
  const told = lines.filter(({ msg }) => msg.startsWith('the database of the projections fails'));
  expect(told.length).toBeGreaterThanOrEqual(1);
  expect(told.length).toBeLessThanOrEqual(3);
});

test('an outage of the log is survived, told once, and nothing is missed', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const { logger, lines } = recordingLogger();
  const log = createSimulatedLog({ partitionCount: 2 });
  startRuntime({ db: worker, source: log, logger });
  log.append(0, someWords(10));
  await untilCaughtUp(worker, await log.heads(never));

  log.setDown(true);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  log.append(1, someWords(10));
  log.setDown(false);

  await untilCaughtUp(worker, await log.heads(never));
  expect(await wordCounts(worker)).toEqual(countsOf(log, 2));
  await until(() => lines.some(({ msg }) => msg === 'the event log works again'));
  expect(lines.filter(({ msg }) => msg.startsWith('the event log fails'))).toHaveLength(1);
});

test('a log that skips an event is not followed', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const { logger, lines } = recordingLogger();
  const log = createSimulatedLog();
  log.append(0, someWords(10));
  const skipping: LogSource = {
    ...log,
    async *tail(options) {
      for await (const batch of log.tail(options)) {
        yield { ...batch, events: batch.events.filter(({ offset }) => offset !== 5n) };
      }
    },
  };
  startRuntime({ db: worker, source: skipping, logger });
  await until(() => lines.some(({ level, msg }) => level === 'error' && msg === 'the log has a gap'));
  expect(await wordCounts(worker)).toEqual({});
});

test('a log whose first events are gone by retention is followed from where it begins', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const log = createSimulatedLog();
  log.append(0, [{ text: 'old' }, { text: 'old' }, { text: 'poison' }, { text: 'new' }]);
  const beginning: LogSource = {
    ...log,
    tail: (options) => log.tail({ ...options, afterOffset: options.afterOffset || 2n }),
  };
  startRuntime({ db: worker, source: beginning });
  await untilCaughtUp(worker, await log.heads(never));
  expect(await wordCounts(worker)).toEqual({ new: 1 });
});

test('a projection that is ahead of the log stops, loudly and for good, until it is rebuilt', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const { logger, lines } = recordingLogger();
  const log = createSimulatedLog();
  log.append(0, someWords(10));
  const before = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  await before.close();

  log.lose(0, 3);
  const runtime = startRuntime({ db: worker, source: log, logger });
  await until(() =>
    lines.some(({ level, msg }) => level === 'error' && msg.includes('the log does not have')),
  );
  log.append(0, someWords(20));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [status] = await runtime.list();
  expect(status?.partitions[0]).toMatchObject({ position: 10n, stoppedBecause: expect.any(String) });
  expect(status?.partitions[0]?.lagMs).toBeGreaterThanOrEqual(500);
  await expect(verified(runtime)).rejects.toMatchObject({ reason: 'PROJECTION_STOPPED' });

  for await (const _ of runtime.rebuild('toy.words', never));
  await untilCaughtUp(worker, await log.heads(never));
  expect(await wordCounts(worker)).toEqual(countsOf(log, 1));
});
