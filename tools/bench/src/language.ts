import { setTimeout as sleep } from 'node:timers/promises';
import { systemNow } from '@parley/runtime';
import { encodeBatches, medians, sendBatches, startCpuMeter } from './batches.ts';
import { deploy, type Bench, type Deployment } from './deployment.ts';
import { latencyDetails, median, summarize, type Measurement, type Pair } from './measurement.ts';
import { encodeSingles, sendSingles } from './singles.ts';
import { generateTraffic } from './traffic.ts';
import { openWireClient, type CallTimes } from './wire-client.ts';

/** The number of enrichments in the log. */
const enrichmentKind = 11;
const settleMs = 900_000;
const pollMs = 50;

interface LanguageRun extends CallTimes {
  readonly perSecond: number;
  /** CPU time of an event, until it is acknowledged. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** The same until all is read and in the read model, also what was read late. */
  readonly settledMicros: Readonly<Record<string, number>>;
  readonly settledSeconds: number;
  /** Of 100 events, how many were read after they were committed, which costs an event more. */
  readonly latePercent: number;
}

/**
 * `ingest.language.…`: what is said by nobody and read from the text, against the same events with the producer's intent
 * and sentiment, in calls of 1,000 events and of one.
 */
export async function measureLanguage(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, ['ingestion']);
  const client = openWireClient(deployment.service('ingestion').url);
  try {
    const tenants = await deployment.createTenants(16);
    const events = bench.isQuick ? 4_000 : 32_000;
    const calls = bench.isQuick ? 300 : 3_000;
    let seed = 900;
    const batches = (isUnread: boolean) => {
      const to = systemNow();
      const from = new Date(to.getTime() - 60_000);
      return encodeBatches(
        tenants,
        generateTraffic({ seed: (seed += 1), count: events, from, to, isUnread }),
      );
    };
    const cases = [
      ...[4].map((concurrency) => ({
        name: `ingest.language.batch.c${concurrency}`,
        unit: 'events/s',
        count: events,
        prepare: (isUnread: boolean) => {
          const encoded = batches(isUnread);
          return () => sendBatches(client, concurrency, encoded);
        },
      })),
      {
        name: 'ingest.language.single.c64',
        unit: 'calls/s',
        count: calls,
        prepare: (isUnread: boolean) => {
          const encoded = encodeSingles(tenants, { seed: (seed += 1), count: calls, isUnread });
          return () => sendSingles(client, 64, encoded);
        },
      },
    ];

    bench.say('ingest.language: warming up');
    for (const isUnread of [true, false]) {
      for (const { prepare, count } of cases) await run(deployment, count, prepare(isUnread));
    }
    await deployment.admin.query('analyze');
    await deployment.admin.query('checkpoint');

    const measurements: Measurement[] = [];
    const runs = bench.isQuick ? 2 : 3;
    for (const { name, unit, count, prepare } of cases) {
      const pairs: Pair[] = [];
      const unread: LanguageRun[] = [];
      const said: LanguageRun[] = [];
      for (let number = 1; number <= runs; number += 1) {
        bench.say(`${name}: run ${number} of ${runs}`);
        const before = await run(deployment, count, prepare(false));
        const ours = await run(deployment, count, prepare(true));
        const after = await run(deployment, count, prepare(false));
        pairs.push({
          ours: ours.perSecond,
          limitBefore: before.perSecond,
          limitAfter: after.perSecond,
        });
        unread.push(ours);
        said.push(before, after);
      }
      const middle = (runsOf: readonly LanguageRun[], of: (run: LanguageRun) => number) =>
        median(runsOf.map(of));
      measurements.push(
        summarize(
          {
            name,
            unit,
            better: 'more',
            limit_name: 'the same, said by the producer',
            cpu_us: medians(unread.map(({ cpuMicros }) => cpuMicros)),
            details: {
              ...named('said_cpu_us', medians(said.map(({ cpuMicros }) => cpuMicros))),
              ...named('settled_cpu_us', medians(unread.map(({ settledMicros }) => settledMicros))),
              ...named('said_settled_cpu_us', medians(said.map(({ settledMicros }) => settledMicros))),
              settled_per_second: middle(unread, ({ settledSeconds }) => count / settledSeconds),
              said_settled_per_second: middle(said, ({ settledSeconds }) => count / settledSeconds),
              late_percent: middle(unread, ({ latePercent }) => latePercent),
              ...latencyDetails(
                'ack',
                unread.flatMap(({ latenciesMs }) => latenciesMs),
              ),
            },
          },
          pairs,
        ),
      );
    }
    return measurements;
  } finally {
    client.close();
    await deployment.close();
  }
}

async function run(
  deployment: Deployment,
  count: number,
  send: () => Promise<CallTimes>,
): Promise<LanguageRun> {
  const enrichedBefore = await enrichmentCount(deployment);
  const cpu = startCpuMeter(deployment);
  const startedAt = performance.now();
  const times = await send();
  const cpuMicros = cpu(count);
  await allRead(deployment);
  await deployment.caughtUp();
  return {
    ...times,
    perSecond: count / times.seconds,
    cpuMicros,
    settledMicros: cpu(count),
    settledSeconds: (performance.now() - startedAt) / 1_000,
    latePercent: (100 * ((await enrichmentCount(deployment)) - enrichedBefore)) / count,
  };
}

async function enrichmentCount({ admin }: Deployment): Promise<number> {
  const { rows } = await admin.query<{ count: string }>(
    'select count(*) as count from ingestion.events where kind = $1',
    [enrichmentKind],
  );
  return Number(rows[0]?.count);
}

/** Returns when the late reader has looked at all that is in the log now. */
async function allRead({ admin }: Deployment): Promise<void> {
  const { rows: heads } = await admin.query<{ partition: number; head: string }>(
    'select partition, head_offset as head from ingestion.partition_heads',
  );
  const deadline = performance.now() + settleMs;
  for (;;) {
    const { rows: cursors } = await admin.query<{ partition: number; log_offset: string }>(
      'select partition, log_offset from ingestion.reading_cursors',
    );
    const read = new Map(cursors.map(({ partition, log_offset }) => [partition, BigInt(log_offset)]));
    if (heads.every(({ partition, head }) => (read.get(partition) ?? 0n) >= BigInt(head))) return;
    if (performance.now() > deadline) throw new Error('The late reader does not catch up.');
    await sleep(pollMs);
  }
}

function named(prefix: string, record: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [`${prefix}_${name}`, value]));
}
