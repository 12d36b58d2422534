import { create, toBinary } from '@bufbuild/protobuf';
import {
  IngestionService,
  RecordInteractionRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { systemNow } from '@parley/runtime';
import { medians, startCpuMeter } from './batches.ts';
import { deploy, type Bench, type BenchTenant } from './deployment.ts';
import { latencyDetails, summarize, type Measurement, type Pair } from './measurement.ts';
import { findFreePort, startServiceProcess } from './service-process.ts';
import { generateTraffic, type TrafficOptions } from './traffic.ts';
import { callConcurrently, openWireClient, type CallTimes, type WireClient } from './wire-client.ts';

const recordInteraction = `${IngestionService.typeName}/${IngestionService.method.recordInteraction.name}`;
const concurrencies = [64, 256];

/** A call of RecordInteraction, encoded. */
export interface EncodedSingle {
  readonly key: string;
  readonly request: Buffer;
}

/** So many calls of one interaction each, tenant by tenant in turn. */
export function encodeSingles(
  tenants: readonly BenchTenant[],
  { count, ...options }: Pick<TrafficOptions, 'seed' | 'count' | 'isUnread'>,
): readonly EncodedSingle[] {
  const to = systemNow();
  const from = new Date(to.getTime() - 60_000);
  return generateTraffic({ ...options, count: Math.ceil(count * 1.3), from, to })
    .flatMap(({ event: { eventId, occurredAt, payload } }) =>
      payload.case === 'interaction' && occurredAt !== undefined
        ? [create(RecordInteractionRequestSchema, { eventId, occurredAt, interaction: payload.value })]
        : [],
    )
    .slice(0, count)
    .map((message, index) => ({
      key: tenants[index % tenants.length]?.key ?? '',
      request: Buffer.from(toBinary(RecordInteractionRequestSchema, message)),
    }));
}

export function sendSingles(
  client: WireClient,
  concurrency: number,
  calls: readonly EncodedSingle[],
): Promise<CallTimes> {
  return callConcurrently(
    concurrency,
    calls.map(
      ({ key, request }) =>
        () =>
          client.call(recordInteraction, key, request),
    ),
  );
}

/**
 * `ingest.single.cN`: N single durable calls at a time, with all that ingestion does, against a bare echo of the same
 * messages on the same server library.
 */
export async function measureSingles(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, ['ingestion']);
  const echo = await startServiceProcess({
    script: 'tools/bench/src/echo-server.ts',
    env: { PARLEY_PORT: String(await findFreePort()) },
    readiness: 'listening',
  });
  const ours = openWireClient(deployment.service('ingestion').url);
  const theirs = openWireClient(echo.url);
  try {
    const tenants = await deployment.createTenants(16);
    const calls = bench.isQuick ? 300 : 3_000;
    const runs = bench.isQuick ? 2 : 5;
    let seed = 500;
    const send = (client: WireClient, concurrency: number): Promise<CallTimes> =>
      sendSingles(client, concurrency, encodeSingles(tenants, { seed: (seed += 1), count: calls }));

    bench.say('ingest.single: warming up');
    await send(theirs, 64);
    await send(ours, 64);
    await deployment.caughtUp();
    await deployment.admin.query('analyze');

    const measurements: Measurement[] = [];
    for (const concurrency of concurrencies) {
      const pairs: Pair[] = [];
      const acks: number[] = [];
      const echoes: number[] = [];
      const cpus: Record<string, number>[] = [];
      for (let run = 1; run <= runs; run += 1) {
        bench.say(`ingest.single.c${concurrency}: run ${run} of ${runs}`);
        const before = await send(theirs, concurrency);
        const cpu = startCpuMeter(deployment);
        const durable = await send(ours, concurrency);
        cpus.push(cpu(calls));
        await deployment.caughtUp();
        const after = await send(theirs, concurrency);
        pairs.push({
          ours: calls / durable.seconds,
          limitBefore: calls / before.seconds,
          limitAfter: calls / after.seconds,
        });
        acks.push(...durable.latenciesMs);
        echoes.push(...before.latenciesMs, ...after.latenciesMs);
      }
      measurements.push(
        summarize(
          {
            name: `ingest.single.c${concurrency}`,
            unit: 'calls/s',
            better: 'more',
            limit_name: 'echo, same server library',
            cpu_us: medians(cpus),
            details: { ...latencyDetails('ack', acks), ...latencyDetails('echo', echoes) },
          },
          pairs,
        ),
      );
    }
    return measurements;
  } finally {
    ours.close();
    theirs.close();
    await echo.stop();
    await deployment.close();
  }
}
