import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { createSimulatedLog } from './simulated-log.ts';
import { countOf, openAs, prepare, service, startRuntime, untilCaughtUp, wordCounts } from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;

/** So many words, each of ten, in an order that is always the same. */
const someWords = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ text: `word ${(i * 7919) % 10}` }));

test('each event of each partition is counted once', async () => {
  const database = await cluster.database(service, prepare);
  const worker = await openAs(database, 'worker');
  const log = createSimulatedLog({ partitionCount: 4 });
  for (let partition = 0; partition < 4; partition += 1) log.append(partition, someWords(1_000));
  startRuntime({ db: worker, source: log });

  await untilCaughtUp(worker, await log.heads(never));

  expect(await wordCounts(worker)).toEqual(countOf([0, 1, 2, 3].flatMap((p) => [...log.texts(p)])));
});
