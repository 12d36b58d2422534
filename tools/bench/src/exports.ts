import { createClient } from '@connectrpc/connect';
import {
  CollectionService,
  FileFormat,
  RecordKind,
} from '@parley/contracts/parley/ingestion/v1/collection_service';
import { createTransportTo } from '@parley/rpc';
import { systemNow } from '@parley/runtime';
import { to as copyTo } from 'pg-copy-streams';
import { encodeBatches, medians, sendBatches, startCpuMeter } from './batches.ts';
import { deploy, type Bench, type Deployment } from './deployment.ts';
import { summarize, type Measurement, type Pair } from './measurement.ts';
import { generateTraffic } from './traffic.ts';
import { openWireClient } from './wire-client.ts';

/** As the service reads them: an interaction with its completion, the earliest first. */
const copyInteractions = `
  copy (select i.interaction_id, i.occurred_at, i.sent_at, i.bot_id, i.group_id, i.member_id, i.conversation_id,
               i.channel, i.message_text, i.intent, i.intent_score, i.sentiment,
               coalesce(c.response_text, i.response_text), coalesce(c.response_time_ms, i.response_time_ms),
               coalesce(c.error_code, i.error_code), i.attributes
          from ingestion.interaction_rows i
          left join ingestion.completion_rows c using (partition, generation, tenant_id, event_key)
         order by i.occurred_at, i.interaction_id collate "C") to stdout (format csv)`;

/**
 * `export.FORMAT`: interactions as a file through the service, read by a client; CSV and JSON lines. The limit is COPY of
 * the same rows, in the same order, to a client.
 */
export async function measureExports(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, ['ingestion']);
  const wire = openWireClient(deployment.service('ingestion').url);
  const [tenant] = await deployment.createTenants(1);
  if (tenant === undefined) throw new RangeError('There is no tenant.');
  const transport = createTransportTo({
    baseUrl: deployment.service('ingestion').url,
    credential: tenant.key,
  });
  const collection = createClient(CollectionService, transport);
  const count = bench.isQuick ? 4_000 : 100_000;
  const runs = bench.isQuick ? 2 : 5;
  try {
    bench.say(`export: loading ${count} events`);
    const to = systemNow();
    const traffic = generateTraffic({ seed: 7, count, from: new Date(to.getTime() - 86_400_000), to });
    await sendBatches(wire, 4, encodeBatches([tenant], traffic));
    await deployment.caughtUp();
    await deployment.admin.query('vacuum (analyze)');

    const measurements: Measurement[] = [];
    for (const [name, format] of [
      ['csv', FileFormat.CSV],
      ['jsonl', FileFormat.JSONL],
    ] as const) {
      const exported = async (): Promise<number> => {
        const file = collection.exportRecords(
          { kind: RecordKind.INTERACTIONS, format },
          { timeoutMs: 600_000 },
        );
        let lines = 0;
        for await (const { lines: chunk } of file) lines += countLines(chunk);
        return format === FileFormat.CSV ? lines - 1 : lines;
      };
      const pairs: Pair[] = [];
      const cpuMicros: Record<string, number>[] = [];
      for (let run = 1; run <= runs; run += 1) {
        bench.say(`export.${name}: run ${run} of ${runs}`);
        const limitBefore = await rate(() => copied(deployment));
        const cpu = startCpuMeter(deployment);
        const ours = await rate(exported);
        cpuMicros.push(cpu(ours.rows));
        const limitAfter = await rate(() => copied(deployment));
        if (ours.rows !== limitBefore.rows) {
          throw new Error(`The file has ${ours.rows} rows, COPY gives ${limitBefore.rows}.`);
        }
        pairs.push({
          ours: ours.perSecond,
          limitBefore: limitBefore.perSecond,
          limitAfter: limitAfter.perSecond,
        });
      }
      measurements.push(
        summarize(
          {
            name: `export.${name}`,
            unit: 'rows/s',
            better: 'more',
            limit_name: 'copy to stdout',
            cpu_us: medians(cpuMicros),
          },
          pairs,
        ),
      );
    }
    return measurements;
  } finally {
    wire.close();
    transport.close();
    await deployment.close();
  }
}

async function rate(
  read: () => Promise<number>,
): Promise<{ readonly rows: number; readonly perSecond: number }> {
  const startedAt = performance.now();
  const rows = await read();
  return { rows, perSecond: rows / ((performance.now() - startedAt) / 1_000) };
}

async function copied({ admin }: Deployment): Promise<number> {
  const client = await admin.connect();
  try {
    let rows = 0;
    for await (const chunk of client.query(copyTo(copyInteractions))) rows += countLines(chunk as Buffer);
    return rows;
  } finally {
    client.release();
  }
}

/** The texts of this traffic hold no line breaks. */
function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}
