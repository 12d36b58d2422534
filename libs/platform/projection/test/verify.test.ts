import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import type { Projection } from '../src/index.ts';
import { createSimulatedLog } from './simulated-log.ts';
import { projectionName, service, someWords, wordsProjection } from './words-projection.ts';
import { openAs, prepare, startRuntime, until, untilCaughtUp, verified } from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;

async function setUp({ wordCount = 500, partitionCount = 2, projections = [wordsProjection()] } = {}) {
  const database = await cluster.database(service, prepare);
  const log = createSimulatedLog({ partitionCount });
  for (let partition = 0; partition < partitionCount; partition += 1)
    log.append(partition, someWords(wordCount));
  const worker = await openAs(database, 'worker');
  const runtime = startRuntime({ db: worker, source: log, projections, batchSize: 100 });
  await untilCaughtUp(worker, await log.heads(never));
  return { database, log, worker, runtime };
}

test('a good projection has no differences, and nothing of the verification stays behind', async () => {
  const { worker, runtime } = await setUp();
  expect(await verified(runtime)).toEqual({
    rowCount: 22,
    differenceCount: 0,
    differences: [],
    buckets: [],
    sealed: [],
  });
  const { rows } = await worker.query(
    `select generation from words union select generation from last_words
     union select generation from projection_checkpoints`,
  );
  expect(rows).toEqual([{ generation: 1 }]);
});

test('every row that was tampered with is one difference, shown as it is and as it should be', async () => {
  const { worker, runtime } = await setUp();
  await worker.query(`update words set said_count = said_count + 1 where partition = 0 and word = 'word 3'`);
  await worker.query(`delete from words where partition = 0 and word = 'word 4'`);
  await worker.query(`insert into words values (1, 1, 'never said', 1)`);
  await worker.query(`update last_words set word = 'another' where partition = 1`);

  const { differenceCount, differences } = await verified(runtime);

  expect(differenceCount).toBe(4);
  const parsed = differences.map(({ table, actual, expected }) => ({
    table,
    actual: actual === undefined ? undefined : JSON.parse(actual),
    expected: expected === undefined ? undefined : JSON.parse(expected),
  }));
  expect(parsed).toContainEqual({
    table: 'words',
    actual: { partition: 0, word: 'word 3', said_count: 51 },
    expected: { partition: 0, word: 'word 3', said_count: 50 },
  });
  expect(parsed).toContainEqual({
    table: 'words',
    actual: undefined,
    expected: { partition: 0, word: 'word 4', said_count: 50 },
  });
  expect(parsed).toContainEqual({
    table: 'words',
    actual: { partition: 1, word: 'never said', said_count: 1 },
    expected: undefined,
  });
  expect(parsed.filter(({ table }) => table === 'last_words')).toHaveLength(1);
});

test('only the first twenty differences are shown, all are counted', async () => {
  const { worker, runtime } = await setUp();
  await worker.query(`insert into words select 0, 1, 'extra ' || i, 1 from generate_series(1, 50) as i`);
  const { differenceCount, differences } = await verified(runtime);
  expect(differenceCount).toBe(50);
  expect(differences).toHaveLength(20);
});

test('it compares at one position while events stream in and the projection moves on', async () => {
  const { log, worker, runtime } = await setUp();
  let isVerifying = true;
  const streaming = (async () => {
    while (isVerifying) {
      for (const partition of [0, 1]) log.append(partition, someWords(20));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const result = await verified(runtime);
  isVerifying = false;
  await streaming;
  expect(result.differenceCount).toBe(0);
  await untilCaughtUp(worker, await log.heads(never));
});

test('a table may say what is compared', async () => {
  const projection: Projection = {
    ...wordsProjection(),
    tables: [{ name: 'words', compare: ['partition', 'word', 'said_count / 1000'] }],
  };
  const { worker, runtime } = await setUp({ projections: [projection] });
  await worker.query(`update words set said_count = said_count + 1 where word = 'word 3'`);
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
  await worker.query(`update words set word = 'word 3b' where word = 'word 3' and partition = 0`);
  expect(await verified(runtime)).toMatchObject({ differenceCount: 2 });
});

test('a table may say which rows are compared', async () => {
  const projection: Projection = {
    ...wordsProjection(),
    tables: [{ name: 'words', where: 'said_count <> 0' }],
  };
  const { worker, runtime } = await setUp({ projections: [projection] });
  await worker.query(`insert into words values (1, 1, 'taken back', 0)`);
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
  await worker.query(`update words set said_count = 0 where word = 'word 3' and partition = 0`);
  expect(await verified(runtime)).toMatchObject({ differenceCount: 1 });
});

test('a second verification at the same time is refused', async () => {
  const { runtime } = await setUp();
  const first = runtime.verify(projectionName, never);
  await first.next();
  await expect(verified(runtime)).rejects.toMatchObject({ kind: 'aborted', reason: 'VERIFICATION_RUNNING' });
  await first.return();
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
});

test('it says how far it is', async () => {
  const { runtime } = await setUp();
  const steps = await Array.fromAsync(runtime.verify(projectionName, never));
  expect(steps.every(({ totalEventCount }) => totalEventCount === 1_000n)).toBe(true);
  expect(steps.at(-1)).toMatchObject({ eventCount: 1_000n, result: { differenceCount: 0 } });
});

test('what a verification leaves behind when its process dies is cleaned up, and the next one runs', async () => {
  const { worker, runtime } = await setUp();
  await worker.query(`insert into projection_generations values ('toy.words', 2, 1, 'verifying')`);
  await worker.query(
    `insert into projection_checkpoints (partition, projection, generation, lease_holder, lease_token, lease_expires_at)
     values (0, 'toy.words', 2, 'dead', 1, clock_timestamp() + interval '500 ms')`,
  );
  await worker.query(`insert into words values (0, 2, 'left behind', 1)`);
  await expect(verified(runtime)).rejects.toMatchObject({ reason: 'VERIFICATION_RUNNING' });
  await until(async () => (await worker.query(`select from words where generation = 2`)).rowCount === 0);
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
});

test('a projection that is unknown is not found', async () => {
  const { runtime } = await setUp();
  expect(() => runtime.verify('toy.unknown', never)).toThrow(/no projection "toy.unknown"/);
});

test('the app role may see which generation answers and how far it is, and change neither', async () => {
  const { database } = await setUp();
  const app = await openAs(database, 'app');
  expect((await app.query('select * from projection_generations')).rowCount).toBe(1);
  expect((await app.query('select * from projection_checkpoints')).rowCount).toBe(2);
  await expect(app.query('delete from projection_generations')).rejects.toMatchObject({ code: '42501' });
  await expect(app.query('update projection_checkpoints set position = 0')).rejects.toMatchObject({
    code: '42501',
  });
  await expect(app.query('select * from projection_parked')).rejects.toMatchObject({ code: '42501' });
});
