import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';

let folder: string;
let parley: StandaloneProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-health-'));
  parley = await startStandalone({ dataDir: folder, args: ['--no-demo'] });
}, 60_000);
afterAll(async () => {
  await parley.stop();
  await rm(folder, { recursive: true, force: true });
});

const at = '2026-03-08T12:00:00Z';
const said = (bot: string, n: number, rest: object) => ({
  type: 'interaction',
  id: `${bot} ${n}`,
  timestamp: new Date(Date.parse(at) - (n + 1) * 60_000).toISOString(),
  bot_id: bot,
  response_text: 'Yes.',
  ...rest,
});
const measured = (bot: string, metricType: string, value: number) => ({
  type: 'bot_performance_metric',
  id: `${bot} ${metricType}`,
  timestamp: '2026-03-08T11:00:00Z',
  bot_id: bot,
  metric_category: 'health',
  metric_type: metricType,
  metric_value: value,
  aggregation_period: 'hourly',
  sample_size: 1_000,
});

/** Runs the CLI for the tenant, and reads what it prints. */
async function ask(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await parley.cli([...args, '--tenant', 'shop', '--json']);
  return JSON.parse(stdout);
}
const healthOf = (bot: string) => ask('health', '--bot', bot, '--at', at);

test('parley health tells the guide’s score, of interactions and of rows of others', async () => {
  const lines = [
    ...Array.from({ length: 40 }, (_, n) =>
      said('slow', n, { response_time_ms: 2_001, ...(n < 2 && { error_code: 'timeout' }) }),
    ),
    // The golden checks G3.
    measured('at the edge', 'error_rate', 0.05),
    measured('at the edge', 'latency', 2_000),
    measured('failing', 'error_rate', 0.0501),
    measured('failing', 'latency', 2_000),
    measured('down', 'error_rate', 0.9),
    measured('down', 'latency', 9_000),
  ].map((line) => JSON.stringify({ ...line, tenant: 'shop' }));
  const imported = await parley.cli(['import', '-', '--create-tenants', '--wait', '--json'], {
    input: lines.join('\n'),
  });
  expect(JSON.parse(imported.stdout)).toMatchObject({ accepted: 46, rejected: 0 });

  expect(await healthOf('at the edge')).toMatchObject({
    bot_id: 'at the edge',
    status: 'healthy',
    health_score: 100,
    error_rate: 0.05,
    avg_latency_ms: 2_000,
    recommendations: [],
  });
  expect(await healthOf('failing')).toMatchObject({ status: 'degraded', health_score: 70 });
  expect(await healthOf('down')).toMatchObject({ status: 'unhealthy', health_score: 50 });
  expect(await healthOf('slow')).toMatchObject({
    status: 'degraded',
    health_score: 80,
    error_rate: 0.05,
    avg_latency_ms: 2_001,
    recommendations: [{ rule: 'avg_latency_above_2000_ms' }],
    objectives: [{ name: 'success' }, { name: 'latency', threshold_ms: 2_000 }],
  });
  expect(await healthOf('nobody')).toMatchObject({
    bot_id: 'nobody',
    status: 'insufficient_data',
    health_score: null,
    error_rate: null,
    avg_latency_ms: null,
  });
  const { stdout } = await parley.cli(['health', '--tenant', 'shop', '--bot', 'slow', '--at', at]);
  expect(stdout).toMatch(/^slow: degraded, 2026-03-07T12:00:00.000Z to 2026-03-08T12:00:00.000Z\n/);
  expect(stdout).toMatch(/health_score +│ 80 /);
  expect(stdout).toMatch(/avg_latency_above_2000_ms: The mean response time is 2001 ms/);

  const window = ['--from', '2026-03-08T00:00:00Z', '--to', at];
  const { metrics } = (await ask('bot-metrics', '--type', 'latency', '--period', 'hourly', ...window)) as {
    metrics: readonly { bot_id: string; metric_value: number; sample_size: number; external: boolean }[];
  };
  expect(
    metrics.map((metric) => [metric.bot_id, metric.metric_value, metric.sample_size, metric.external]),
  ).toEqual([
    ['slow', 2_001, 40, false],
    ['at the edge', 2_000, 1_000, true],
    ['down', 9_000, 1_000, true],
    ['failing', 2_000, 1_000, true],
  ]);
}, 60_000);
