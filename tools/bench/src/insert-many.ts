import { setTimeout as sleep } from 'node:timers/promises';
import { defineEntity, MikroORM, p } from '@mikro-orm/postgresql';
import { eventKeyOf } from '@parley/event';
import { systemNow } from '@parley/runtime';
import { encodeBatches, sendBatches } from './batches.ts';
import { createCopyLimit } from './copy-limit.ts';
import { deploy, type Bench } from './deployment.ts';
import { summarize, type Measurement, type Pair } from './measurement.ts';
import { chunk, fingerprintOf, generateTraffic, type TrafficEvent } from './traffic.ts';
import { openWireClient } from './wire-client.ts';

const EventEntity = defineEntity({
  name: 'Event',
  tableName: 'events',
  properties: {
    logOffset: p.bigint().primary(),
    partition: p.integer().primary(),
    fingerprint: p.bigint(),
    occurredAt: p.datetime(),
    receivedAt: p.datetime(),
    tenantId: p.uuid(),
    eventKey: p.uuid(),
    kind: p.smallint(),
    body: p.blob(),
  },
});
const batchSize = 1_000;
const concurrency = 16;

/**
 * `ingest.vs_insert_many`: `ingest.batch.c16`, from the client to the durable acknowledgement with all that ingestion does,
 * against what one would write first: `em.insertMany` of the same rows, a thousand at a time, into a table of the same
 * layout, without a server in front of it.
 */
export async function measureAgainstInsertMany(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, ['ingestion']);
  const client = openWireClient(deployment.service('ingestion').url);
  await createCopyLimit(deployment.admin);
  const orm = await MikroORM.init({
    clientUrl: deployment.databaseUrl,
    schema: 'copy_limit',
    entities: [EventEntity],
    ensureDatabase: false,
  });
  try {
    const tenants = await deployment.createTenants(16);
    const count = bench.isQuick ? 4_000 : 32_000;
    const runs = bench.isQuick ? 2 : 5;
    let seed = 900;
    const traffic = (): TrafficEvent[] => {
      const to = systemNow();
      return generateTraffic({ seed: (seed += 1), count, from: new Date(to.getTime() - 60_000), to });
    };
    const insertMany = async (): Promise<number> => {
      await deployment.admin.query('truncate copy_limit.events');
      const receivedAt = systemNow();
      const rows = traffic().map(({ eventId, occurredAt, kind, body }, index) => ({
        logOffset: BigInt(index + 1),
        partition: 0,
        fingerprint: fingerprintOf(body),
        occurredAt,
        receivedAt,
        tenantId: tenants[0]?.tenantId ?? '',
        eventKey: eventKeyOf(eventId),
        kind,
        body: Buffer.from(body),
      }));
      const startedAt = performance.now();
      for (const some of chunk(rows, batchSize)) await orm.em.fork().insertMany(EventEntity, some);
      return count / ((performance.now() - startedAt) / 1_000);
    };
    const ours = async (): Promise<number> => {
      const batches = encodeBatches(tenants, traffic());
      const { seconds } = await sendBatches(client, concurrency, batches);
      await deployment.caughtUp();
      await sleep(100);
      return count / seconds;
    };

    bench.say('ingest.vs_insert_many: warming up');
    await ours();
    await insertMany();
    await deployment.admin.query('analyze');
    const pairs: Pair[] = [];
    for (let run = 1; run <= runs; run += 1) {
      bench.say(`ingest.vs_insert_many: run ${run} of ${runs}`);
      const limitBefore = await insertMany();
      pairs.push({ limitBefore, ours: await ours(), limitAfter: await insertMany() });
    }
    return [
      summarize(
        {
          name: 'ingest.vs_insert_many',
          unit: 'events/s',
          better: 'more',
          limit_name: 'em.insertMany, 1,000 at a time',
        },
        pairs,
      ),
    ];
  } finally {
    await orm.close();
    client.close();
    await deployment.close();
  }
}
