import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { roleName } from '@parley/database';
import { testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createSimulatedLog } from './simulated-log.ts';
import type { ToyProcess } from './toy-process.ts';
import { service, someWords } from './words-projection.ts';
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
const wordCount = 4_000;

function startProcess(options: ToyProcess): ChildProcess {
  const script = fileURLToPath(new URL('toy-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

function sameLog() {
  const log = createSimulatedLog({ partitionCount });
  for (let partition = 0; partition < partitionCount; partition += 1)
    log.append(partition, someWords(wordCount));
  return log;
}

async function setUp() {
  const database = await cluster.database(service, prepare);
  const toy = {
    url: database.urlFor(roleName(service, 'worker')),
    leaseMs: 300,
    batchSize: 20,
    partitionCount,
    wordCount,
  };
  return { toy, worker: await openAs(database, 'worker'), log: sameLog() };
}

test('killed at every step, time and again, it counts every event once', { timeout: 60_000 }, async () => {
  const { toy, worker, log } = await setUp();
  const failpoints = ['projection:read', 'projection:folded', 'projection:written'];
  for (let round = 0; round < 6; round += 1) {
    const failpoint = failpoints[round % 3] ?? '';
    const holder = `killed ${round}`;
    const child = startProcess({
      ...toy,
      holder,
      signal: 'SIGKILL',
      failpoint,
      reachedCount: 1 + round * 7,
    });
    await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
  }
  const positions = [...(await positionsOf(worker)).values()];
  expect(positions.some((position) => position > 0n && position < BigInt(wordCount))).toBe(true);

  const runtime = startRuntime({ db: worker, source: log });
  await untilCaughtUp(worker, await log.heads(never));
  expect(await wordCounts(worker)).toEqual(countsOf(log, partitionCount));
  expect(await verified(runtime)).toMatchObject({ differenceCount: 0 });
});

test.each(['projection:read', 'projection:folded'])(
  'stopped beyond its lease at %s and woken again, it writes nothing more',
  async (failpoint) => {
    const { toy, worker, log } = await setUp();
    const child = startProcess({ ...toy, holder: 'stopped', signal: 'SIGSTOP', failpoint, reachedCount: 7 });
    await until(() => isStopped(child));
    const before = await positionsOf(worker);

    startRuntime({ db: worker, source: log, leaseMs: 300, batchSize: 20 });
    await until(async () => {
      const after = await positionsOf(worker);
      return [...after].every(([partition, position]) => position > (before.get(partition) ?? 0n));
    });
    child.kill('SIGCONT');

    await untilCaughtUp(worker, await log.heads(never));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(child.exitCode).toBeNull();
    expect(await wordCounts(worker)).toEqual(countsOf(log, partitionCount));
  },
);

async function isStopped({ pid }: ChildProcess): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return / T /.test(stat);
}
