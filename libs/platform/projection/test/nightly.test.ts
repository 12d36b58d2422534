import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { createSimulatedLog } from './simulated-log.ts';
import { projectionName, service, someWords } from './words-projection.ts';
import { openAs, prepare, recordingLogger, startRuntime, until, untilCaughtUp } from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;
const night = () => new Date('2026-03-08T03:10:00Z');

test(
  'at night one of the processes verifies, and says loudly what differs',
  { timeout: 60_000 },
  async () => {
    const database = await cluster.database(service, prepare);
    const log = createSimulatedLog({ partitionCount: 1 });
    log.append(0, someWords(300));
    const worker = await openAs(database, 'worker');
    const first = startRuntime({ db: worker, source: log, batchSize: 100 });
    await untilCaughtUp(worker, await log.heads(never));
    expect(await first.listNights(undefined, 10)).toEqual([]);
    await worker.query(`update words set said_count = said_count + 1 where word = 'word 3'`);

    const { logger, lines } = recordingLogger();
    const nightly = { atHour: 3, share: 1 };
    const runtimes = [1, 2].map(() =>
      startRuntime({ db: worker, source: log, batchSize: 100, logger, now: night, nightly }),
    );
    await until(
      async () => (await runtimes[0]?.listNights(projectionName, 10))?.[0]?.endedAt instanceof Date,
    );

    expect(await runtimes[1]?.listNights(undefined, 10)).toMatchObject([
      {
        projection: projectionName,
        night: '2026-03-08',
        eventCount: 300n,
        rowCount: 11n,
        differenceCount: 1n,
        error: '',
      },
    ]);
    const told = lines.filter(({ msg }) => msg.includes('nightly'));
    expect(told).toMatchObject([{ level: 'error', msg: 'the nightly verification found differences' }]);
  },
);

test('a night whose process is gone is begun anew by another', { timeout: 60_000 }, async () => {
  const database = await cluster.database(service, prepare);
  const log = createSimulatedLog({ partitionCount: 1 });
  log.append(0, someWords(50));
  const worker = await openAs(database, 'worker');
  const claim = (heard: string) =>
    worker.query(
      `insert into projection_verifications (projection, night, holder, heard_at)
       values ($1, '2026-03-08', 'gone', clock_timestamp() - $2::interval)`,
      [projectionName, heard],
    );
  const nightly = { atHour: 3, share: 1 };
  await claim('5 seconds');
  const waiting = startRuntime({ db: worker, source: log, now: night, nightly });
  await untilCaughtUp(worker, await log.heads(never));
  expect(await waiting.listNights(undefined, 10)).toMatchObject([{ endedAt: null }]);
  await waiting.close();

  await worker.query('delete from projection_verifications');
  await claim('10 minutes');
  const taking = startRuntime({ db: worker, source: log, now: night, nightly });
  await until(async () => (await taking.listNights(undefined, 10))[0]?.endedAt instanceof Date);
  expect(await taking.listNights(undefined, 10)).toMatchObject([{ differenceCount: 0n, error: '' }]);
});
