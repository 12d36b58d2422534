import process from 'node:process';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  EventOutcome,
  IngestionService,
  RecordEventsRequestSchema,
  RecordEventsResponseSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { systemNow } from '@parley/runtime';
import { createCopyLimit, encodeRows, type CopyLimit, type EncodedRows } from './copy-limit.ts';
import { cpuMicrosOf, cpuMicrosOfFamily } from './cpu-time.ts';
import { deploy, type Bench, type BenchTenant, type Deployment } from './deployment.ts';
import { latencyDetails, median, summarize, type Measurement, type Pair } from './measurement.ts';
import { chunk, generateTraffic, type TrafficEvent } from './traffic.ts';
import { callConcurrently, openWireClient, type CallTimes, type WireClient } from './wire-client.ts';

/** The method by which batches come. */
const recordEvents = `${IngestionService.typeName}/${IngestionService.method.recordEvents.name}`;
/** The most that one call takes. */
const batchSize = 1_000;
const tenantCount = 16;
const concurrencies = [1, 4, 16];

/** A call of RecordEvents, encoded. */
export interface EncodedBatch {
  readonly tenant: BenchTenant;
  readonly events: readonly TrafficEvent[];
  readonly request: Buffer;
}

/** Calls of a thousand events each, tenant by tenant in turn. */
export function encodeBatches(
  tenants: readonly BenchTenant[],
  traffic: readonly TrafficEvent[],
): EncodedBatch[] {
  return chunk(traffic, batchSize).map((events, index) => {
    const tenant = tenants[index % tenants.length];
    if (tenant === undefined) throw new RangeError('Batches need a tenant.');
    const message = create(RecordEventsRequestSchema, { events: events.map(({ event }) => event) });
    return { tenant, events, request: Buffer.from(toBinary(RecordEventsRequestSchema, message)) };
  });
}

/** Sends batches. @throws Error when an event is not accepted. */
export async function sendBatches(
  client: WireClient,
  concurrency: number,
  batches: readonly EncodedBatch[],
): Promise<CallTimes> {
  const responses: Buffer[] = [];
  const times = await callConcurrently(
    concurrency,
    batches.map(({ tenant, request }) => async () => {
      responses.push(await client.call(recordEvents, tenant.key, request));
    }),
  );
  for (const response of responses) {
    const { results } = fromBinary(RecordEventsResponseSchema, response);
    if (results.some(({ outcome }) => outcome !== EventOutcome.ACCEPTED)) {
      throw new Error('An event was not accepted.');
    }
  }
  return times;
}

interface BatchRun extends CallTimes {
  readonly eventsPerSecond: number;
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** Until the read model had all of it, from the first call on. */
  readonly projectedSeconds: number;
  readonly projectedMicros: Readonly<Record<string, number>>;
}

/**
 * `ingest.batch.cN`: a grpc-js client, N calls of 1,000 events at a time, to ingestion with all that it does: keys,
 * limits, validation, the log, and its read model that is projected meanwhile. The limit is COPY of the same rows.
 */
export async function measureBatches(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, ['ingestion']);
  const client = openWireClient(deployment.service('ingestion').url);
  try {
    const tenants = await deployment.createTenants(tenantCount);
    const limit = await createCopyLimit(deployment.admin);
    const count = bench.isQuick ? 4_000 : 32_000;
    const runs = bench.isQuick ? 2 : 5;
    let seed = 100;
    const traffic = (): TrafficEvent[] => {
      const to = systemNow();
      return generateTraffic({ seed: (seed += 1), count, from: new Date(to.getTime() - 60_000), to });
    };

    bench.say('ingest.batch: warming up');
    await sendBatches(client, 4, encodeBatches(tenants, traffic()));
    await deployment.caughtUp();
    // Whoever runs it for long has statistics; right after the first events there are none.
    await deployment.admin.query('analyze');
    // Once, not before each run: after a checkpoint each page is logged as a whole when it is first touched, which is rare
    // in a service that runs, and would be most of what a run of a second and a half writes.
    await deployment.admin.query('checkpoint');

    const measurements: Measurement[] = [];
    for (const concurrency of concurrencies) {
      const pairs: Pair[] = [];
      const seen: BatchRun[] = [];
      for (let run = 1; run <= runs; run += 1) {
        bench.say(`ingest.batch.c${concurrency}: run ${run} of ${runs}`);
        const batches = encodeBatches(tenants, traffic());
        const rows = encodeRows(batches, systemNow());
        const { pair, ours } = await measureAgainstCopy(limit, rows, () =>
          runBatches(deployment, client, concurrency, batches),
        );
        pairs.push(pair);
        seen.push(ours);
      }
      measurements.push(
        summarize(
          {
            name: `ingest.batch.c${concurrency}`,
            unit: 'events/s',
            better: 'more',
            limit_name: 'copy.stream',
            cpu_us: medians(seen.map(({ cpuMicros }) => cpuMicros)),
            details: {
              ...latencyDetails(
                'ack',
                seen.flatMap(({ latenciesMs }) => latenciesMs),
              ),
              projected_events_per_second: median(
                seen.map(({ projectedSeconds }) => count / projectedSeconds),
              ),
              ...prefixed('projected_cpu_us', medians(seen.map(({ projectedMicros }) => projectedMicros))),
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

async function measureAgainstCopy(
  limit: CopyLimit,
  rows: EncodedRows,
  run: () => Promise<BatchRun>,
): Promise<{ readonly pair: Pair; readonly ours: BatchRun }> {
  const limitBefore = await limit.measure(rows);
  const ours = await run();
  const limitAfter = await limit.measure(rows);
  return { pair: { ours: ours.eventsPerSecond, limitBefore, limitAfter }, ours };
}

async function runBatches(
  deployment: Deployment,
  client: WireClient,
  concurrency: number,
  batches: readonly EncodedBatch[],
): Promise<BatchRun> {
  const count = batches.reduce((sum, { events }) => sum + events.length, 0);
  const cpu = startCpuMeter(deployment);
  const startedAt = performance.now();
  const times = await sendBatches(client, concurrency, batches);
  const cpuMicros = cpu(count);
  await deployment.caughtUp();
  const projectedSeconds = (performance.now() - startedAt) / 1_000;
  return {
    ...times,
    eventsPerSecond: count / times.seconds,
    cpuMicros,
    projectedSeconds,
    projectedMicros: cpu(count),
  };
}

/** From now on; what it returns tells the CPU time so far by process, in microseconds for each of `count`. */
export function startCpuMeter(deployment: Deployment): (count: number) => Record<string, number> {
  const { postmasterPid } = deployment;
  const { pid } = deployment.service('ingestion');
  const client = process.cpuUsage();
  const read = () => ({
    server: cpuMicrosOf(pid),
    postgres: postmasterPid === undefined ? undefined : cpuMicrosOfFamily(postmasterPid),
  });
  const before = read();
  return (count) => {
    const used = process.cpuUsage(client);
    const after = read();
    const perEvent: Record<string, number> = { client: (used.user + used.system) / count };
    for (const name of ['server', 'postgres'] as const) {
      const [from, to] = [before[name], after[name]];
      if (from !== undefined && to !== undefined) perEvent[name] = (to - from) / count;
    }
    return perEvent;
  };
}

/** The median of each name. */
export function medians(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  return Object.fromEntries(
    [...names].map((name) => [name, median(records.flatMap((record) => record[name] ?? []))]),
  );
}

function prefixed(prefix: string, record: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [`${prefix}_${name}`, value]));
}
