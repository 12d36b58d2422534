import { existsSync } from 'node:fs';
import { startTestCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createSimulatedLog } from './simulated-log.ts';
import { projectionName, service, someWords, wordsProjection } from './words-projection.ts';
import { countsOf, openAs, prepare, startRuntime, untilCaughtUp, verified, wordCounts } from './words.ts';

const debian15 = '/usr/lib/postgresql/15/bin';
const versions: { name: string; binDir?: string }[] = [
  { name: 'the embedded Postgres' },
  ...(existsSync(debian15) ? [{ name: 'Postgres 15', binDir: debian15 }] : []),
];
const never = new AbortController().signal;

test.each(versions)('on $name it folds, parks, rebuilds, replays and verifies', async ({ binDir }) => {
  const cluster = await startTestCluster(binDir === undefined ? {} : { binDir });
  onTestFinished(() => cluster.stop());
  const worker = await openAs(await cluster.database(service, prepare), 'worker');
  const log = createSimulatedLog({ partitionCount: 2 });
  log.append(0, [...someWords(500), { text: 'poison' }]);
  log.append(1, someWords(500));
  let hasAntidote = false;
  const projection = wordsProjection({ antidote: () => hasAntidote });
  const runtime = startRuntime({ db: worker, source: log, projections: [projection] });
  await untilCaughtUp(worker, await log.heads(never));
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });

  await Array.fromAsync(runtime.rebuild(projectionName, never));
  hasAntidote = true;
  expect(await runtime.replayParked(projectionName, never)).toEqual({ replayedCount: 1, parkedCount: 0 });

  expect(await wordCounts(worker)).toEqual(countsOf(log, 2));
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
});
