import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import type { Projection } from '../src/index.ts';
import { createSimulatedLog } from './simulated-log.ts';
import { projectionName, service, someWords, wordsProjection } from './words-projection.ts';
import {
  countOf,
  openAs,
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

async function setUp(projection: Projection) {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const log = createSimulatedLog();
  const recording = recordingLogger();
  const runtime = startRuntime({
    db: worker,
    source: log,
    projections: [projection],
    batchSize: 100,
    logger: recording.logger,
  });
  return { worker, log, runtime, lines: recording.lines };
}

/** A hundred words, of which the 3rd, the 50th and the last are poison. */
const poisoned = someWords(100).map((word, i) =>
  [2, 49, 99].includes(i) ? { text: `poison ${i + 1}` } : word,
);

test('what can not be taken is parked after bounded retries, loudly, and everything else is taken', async () => {
  const { worker, log, runtime, lines } = await setUp(wordsProjection());
  log.append(0, poisoned);
  log.append(0, someWords(10));
  await untilCaughtUp(worker, await log.heads(never));

  expect(await wordCounts(worker)).toEqual(
    countOf(log.texts(0).filter((text) => !text.startsWith('poison'))),
  );
  const parked = await runtime.listParked({ limit: 10 });
  expect(parked.map(({ offset }) => offset).sort()).toEqual([100n, 3n, 50n].sort());
  expect(parked[0]).toMatchObject({
    projection: projectionName,
    partition: 0,
    error: expect.stringMatching(/^Error: can't take poison \d+$/),
    attemptCount: 3,
    parkedAt: expect.any(Date),
  });
  expect((await runtime.list())[0]?.parkedCount).toBe(3n);
  expect(lines.filter(({ level }) => level === 'error')).toHaveLength(3);
});

test('a verification parks the same events and finds no difference', async () => {
  const { worker, log, runtime } = await setUp(wordsProjection());
  log.append(0, poisoned);
  await untilCaughtUp(worker, await log.heads(never));
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
  expect((await runtime.list())[0]?.parkedCount).toBe(3n);
});

test('parked events are taken by a replay once they can be, each once', async () => {
  let hasAntidote = false;
  const { worker, log, runtime } = await setUp(wordsProjection({ antidote: () => hasAntidote }));
  log.append(0, poisoned);
  await untilCaughtUp(worker, await log.heads(never));

  expect(await runtime.replayParked(projectionName, never)).toEqual({ replayedCount: 0, parkedCount: 3 });
  expect((await runtime.listParked({ limit: 1 }))[0]?.attemptCount).toBe(4);

  hasAntidote = true;
  expect(await runtime.replayParked(projectionName, never)).toEqual({ replayedCount: 3, parkedCount: 0 });
  expect(await runtime.replayParked(projectionName, never)).toEqual({ replayedCount: 0, parkedCount: 0 });

  expect(await runtime.listParked({ limit: 10 })).toEqual([]);
  expect(await wordCounts(worker)).toEqual(countOf(log.texts(0)));
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
});

test('pages of parked events follow each other without a gap', async () => {
  const { worker, log, runtime } = await setUp(wordsProjection());
  log.append(0, poisoned);
  await untilCaughtUp(worker, await log.heads(never));
  const first = await runtime.listParked({ limit: 2 });
  const second = await runtime.listParked({ limit: 2, after: first.at(-1) });
  expect([...first, ...second]).toEqual(await runtime.listParked({ limit: 10 }));
});

test('what is wrong with the installation parks nothing', async () => {
  const words = wordsProjection();
  let isMissing = true;
  const { worker, log, runtime, lines } = await setUp({
    ...words,
    fold: async (context, events) => {
      if (isMissing) await context.tx.query('select * from a_table_that_a_migration_forgot');
      await words.fold(context, events);
    },
  });
  log.append(0, someWords(10));
  await until(() => lines.some(({ msg }) => msg.startsWith('the database of the projections fails')));
  isMissing = false;
  await untilCaughtUp(worker, await log.heads(never));
  expect(await runtime.listParked({ limit: 10 })).toEqual([]);
});
