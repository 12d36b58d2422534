import process from 'node:process';
import { eventKeyOf } from '@parley/event';
import { appendConnections, createPrivacyGate, openPostgresEventLog, type NewEvent } from '@parley/ingestion';
import { systemNow } from '@parley/runtime';
import { openRole } from '@parley/service';
import { createCopyLimit, encodeRows } from './copy-limit.ts';
import { cpuMicrosOfFamily } from './cpu-time.ts';
import { deploy, type Bench } from './deployment.ts';
import { summarize, type Measurement, type Pair } from './measurement.ts';
import { chunk, fingerprintOf, generateTraffic } from './traffic.ts';

const tenant = { tenantId: '0198c0de-0000-7000-8000-000000000001', partition: 0 };
const batchSizes = [1_000, 5_000];

/**
 * `ingest.append.N`: the event log's append alone, one call of N events after the other into an empty table, against
 * COPY of the same rows. The log's writer runs in this process; Postgres in its own.
 */
export async function measureAppend(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, []);
  const { admin, databaseUrl, databaseSecret, postmasterPid } = deployment;
  const { logger } = bench;
  const open = (kind: 'append' | 'worker', poolSize: number) =>
    openRole({ databaseUrl, databaseSecret }, { service: 'ingestion', kind, poolSize, logger });
  const append = await open('append', appendConnections);
  const worker = await open('worker', 4);
  const log = openPostgresEventLog({ append, worker, rules: createPrivacyGate(worker), logger });
  const limit = await createCopyLimit(admin);
  const count = bench.isQuick ? 10_000 : 50_000;
  const runs = bench.isQuick ? 2 : 5;

  try {
    const measurements: Measurement[] = [];
    for (const batchSize of batchSizes) {
      const pairs: Pair[] = [];
      let clientMicros = 0;
      let postgresMicros = 0;
      // The first run warms up and is not counted.
      for (let run = 0; run <= runs; run += 1) {
        bench.say(`ingest.append.${batchSize}: ${run === 0 ? 'warming up' : `run ${run} of ${runs}`}`);
        const to = systemNow();
        const traffic = generateTraffic({ seed: run + 1, count, from: new Date(to.getTime() - 60_000), to });
        const rows = encodeRows([{ tenant, events: traffic }], to);
        const events = traffic.map(({ eventId, occurredAt, kind, body }): NewEvent => ({
          ...tenant,
          kind,
          eventKey: eventKeyOf(eventId),
          fingerprint: fingerprintOf(body),
          occurredAt,
          body,
          sameContentAs: (stored) => Buffer.compare(stored, body) === 0,
        }));

        const limitBefore = await limit.measure(rows);
        await admin.query('truncate ingestion.events');
        await admin.query('checkpoint');
        const cpu = process.cpuUsage();
        const postgresBefore = postmasterPid && cpuMicrosOfFamily(postmasterPid);
        const startedAt = performance.now();
        for (const batch of chunk(events, batchSize)) {
          const results = await log.append(batch);
          if (results.some(({ outcome }) => outcome !== 'accepted'))
            throw new Error('An event was not accepted.');
        }
        const seconds = (performance.now() - startedAt) / 1_000;
        const used = process.cpuUsage(cpu);
        const postgresAfter = postmasterPid && cpuMicrosOfFamily(postmasterPid);
        const limitAfter = await limit.measure(rows);
        if (run === 0) continue;
        pairs.push({ ours: count / seconds, limitBefore, limitAfter });
        clientMicros += used.user + used.system;
        postgresMicros += (postgresAfter ?? 0) - (postgresBefore ?? 0);
      }
      const events = count * runs;
      measurements.push(
        summarize(
          {
            name: `ingest.append.${batchSize}`,
            unit: 'events/s',
            better: 'more',
            limit_name: 'copy.stream',
            cpu_us: {
              writer: clientMicros / events,
              ...(postmasterPid !== undefined && { postgres: postgresMicros / events }),
            },
          },
          pairs,
        ),
      );
    }
    return measurements;
  } finally {
    await log.close();
    await append.close();
    await worker.close();
    await deployment.close();
  }
}
