import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { createTransportTo } from '@parley/rpc';
import { systemNow } from '@parley/runtime';
import { encodeBatches, sendBatches } from './batches.ts';
import { deploy, type Bench, type BenchTenant, type Deployment } from './deployment.ts';
import { latencyDetails, percentile, summarize, type Measurement } from './measurement.ts';
import { generateTraffic, type TrafficEvent } from './traffic.ts';
import { openWireClient } from './wire-client.ts';

let seed = 1_000;

/**
 * `projection.replay.*`: how fast a projection is rebuilt from the log, against how fast events were acknowledged.
 * `projection.lag.*`: from the acknowledgement of an event to the answer of a KPI query that includes it, while nothing
 * else happens and under half of the load that the two services together keep up with; against the same query without
 * waiting.
 */
export async function measureProjections(bench: Bench): Promise<Measurement[]> {
  const deployment = await deploy(bench, ['ingestion', 'metrics']);
  const client = openWireClient(deployment.service('ingestion').url);
  try {
    const tenants = await deployment.createTenants(16);
    const count = bench.isQuick ? 4_000 : 32_000;
    bench.say('projection: warming up');
    await sendBatches(client, 4, encodeBatches(tenants, recentTraffic(count / 4)));
    await deployment.caughtUp();
    await deployment.admin.query('analyze');

    bench.say('projection: filling the log');
    const ingestRates: number[] = [];
    const pipelineRates: number[] = [];
    for (let run = 0; run < 2; run += 1) {
      const batches = encodeBatches(tenants, recentTraffic(count));
      const startedAt = performance.now();
      const { seconds } = await sendBatches(client, 4, batches);
      await deployment.caughtUp();
      ingestRates.push(count / seconds);
      pipelineRates.push(count / ((performance.now() - startedAt) / 1_000));
    }
    const pipelineRate = Math.min(...pipelineRates);
    const limits = { limitBefore: ingestRates[0] ?? NaN, limitAfter: ingestRates[1] ?? NaN };

    const measurements: Measurement[] = [];
    for (const { service, projection } of replayed) {
      const rates: number[] = [];
      for (let run = 0; run < (bench.isQuick ? 1 : 2); run += 1) {
        bench.say(`projection.replay.${service}: run ${run + 1}`);
        const startedAt = performance.now();
        const events = await deployment.rebuild(service, projection);
        rates.push(events / ((performance.now() - startedAt) / 1_000));
      }
      measurements.push(
        summarize(
          {
            name: `projection.replay.${service}`,
            unit: 'events/s',
            better: 'more',
            limit_name: 'ingest.batch.c4, metrics running',
            details: { pipeline_events_per_second: pipelineRate },
          },
          rates.map((ours) => ({ ours, ...limits })),
        ),
      );
    }

    const samples = bench.isQuick ? 20 : 200;
    bench.say('projection.lag.idle');
    measurements.push(await measureLag(deployment, tenants, 'idle', samples));
    bench.say(`projection.lag.half: ${Math.round(pipelineRate / 2)} events/s`);
    const load = startLoad(deployment, tenants, pipelineRate / 2);
    try {
      await sleep(bench.isQuick ? 200 : 3_000);
      measurements.push(await measureLag(deployment, tenants, 'half', samples, pipelineRate / 2));
    } finally {
      await load.stop();
    }
    return measurements;
  } finally {
    client.close();
    await deployment.close();
  }
}

const replayed = [
  { service: 'ingestion', projection: 'ingestion.read-model' },
  { service: 'metrics', projection: 'metrics.kpi' },
] as const;

function recentTraffic(count: number): TrafficEvent[] {
  const to = systemNow();
  return generateTraffic({ seed: (seed += 1), count, from: new Date(to.getTime() - 60_000), to });
}

async function measureLag(
  deployment: Deployment,
  tenants: readonly BenchTenant[],
  load: 'idle' | 'half',
  samples: number,
  eventsPerSecond = 0,
): Promise<Measurement> {
  const [tenant] = tenants;
  if (tenant === undefined) throw new RangeError('There is no tenant.');
  const toIngestion = createTransportTo({
    baseUrl: deployment.service('ingestion').url,
    credential: tenant.key,
  });
  const toMetrics = createTransportTo({ baseUrl: deployment.service('metrics').url, credential: tenant.key });
  const ingestion = createClient(IngestionService, toIngestion);
  const metrics = createClient(MetricsService, toMetrics);
  const window = { window: { case: 'days', value: 1 } } as const;
  const lags: number[] = [];
  const reads: number[] = [];
  try {
    // The first twenty warm up and are not counted.
    const events = recentTraffic(samples + 20);
    for (const [index, { event }] of events.entries()) {
      const { position } = await ingestion.recordEvents({ events: [event] });
      const acknowledgedAt = performance.now();
      await metrics.getOperationalKpis({ window, minPosition: position });
      const answeredAt = performance.now();
      await metrics.getOperationalKpis({ window });
      if (index < 20) continue;
      lags.push(answeredAt - acknowledgedAt);
      reads.push(performance.now() - answeredAt);
      await sleep(10);
    }
  } finally {
    toIngestion.close();
    toMetrics.close();
  }
  const read = percentile(reads, 0.99);
  return summarize(
    {
      name: `projection.lag.${load}`,
      unit: 'ms (p99)',
      better: 'less',
      limit_name: 'the same query without waiting, p99',
      details: {
        load_events_per_second: eventsPerSecond,
        ...latencyDetails('lag', lags),
        ...latencyDetails('read', reads),
      },
    },
    [{ ours: percentile(lags, 0.99), limitBefore: read, limitAfter: read }],
  );
}

/** Batches of 250 events at an even rate, until it is stopped. */
function startLoad(
  deployment: Deployment,
  tenants: readonly BenchTenant[],
  eventsPerSecond: number,
): { stop(): Promise<void> } {
  const size = 250;
  const client = openWireClient(deployment.service('ingestion').url);
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    let dueAt = performance.now();
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      const tenant = tenants[turn % tenants.length];
      if (tenant === undefined) throw new RangeError('There is no tenant.');
      await sendBatches(client, 1, encodeBatches([tenant], recentTraffic(size)));
      dueAt += (size / eventsPerSecond) * 1_000;
      await sleep(Math.max(0, dueAt - performance.now()));
    }
  };
  const running = run();
  // Whoever stops it hears of it.
  running.catch(() => undefined);
  return {
    stop: async () => {
      stopping.abort();
      await running;
      client.close();
    },
  };
}
