import { randomUUID } from 'node:crypto';
import { burnStatus, latencyBin, lastBinWithin } from '@parley/kpi';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { saveHealthSettings } from '../src/storage/health-settings.ts';
import { readObjectives } from '../src/use-cases/read-objectives.ts';
import { event, inOrder } from './events.ts';
import type { NewEvent } from './events.ts';
import { openMetricsRows, partition } from './metrics-database.ts';
import type { MetricsRows } from './metrics-database.ts';

const cluster = await testCluster();
const noon = Date.parse('2026-03-08T12:00:00Z');
const bots = ['help', 'sales', 'shop'] as const;

const answer = fc.record({
  // Most of them in the last hours, where windows end.
  ago: fc.oneof(
    fc.integer({ min: -60_000, max: 400_000 }),
    fc.integer({ min: 0, max: 8 * 3_600_000 }),
    fc.integer({ min: 0, max: 4 * 86_400_000 }),
    fc.constantFrom(0, 1, 300_000, 300_001, 1_800_000, 3_600_000, 21_600_000, 259_200_000, 259_200_001),
  ),
  bot: fc.constantFrom(...bots),
  hasError: fc.boolean(),
  ms: fc.option(fc.constantFrom(0, 400, 500, 505, 520, 1_980, 1_999, 2_000, 2_020, 2_100, 60_000)),
});
const world = fc.record({
  answers: fc.array(answer, { minLength: 1, maxLength: 60 }),
  // Any instant of a day, also those on which buckets begin.
  at: fc.oneof(
    fc.integer({ min: 0, max: 86_400_000 }),
    fc.nat(96).map((quarters) => quarters * 900_000),
  ),
  latencyThresholdMs: fc.option(fc.constantFrom(500, 2_000)),
});
type Answer = typeof answer extends fc.Arbitrary<infer Value> ? Value : never;

function toEvents(answers: readonly Answer[], at: number, tenantId: string): readonly NewEvent[] {
  return answers.map(({ ago, bot, hasError, ms }, n) =>
    event(
      {
        case: 'interaction',
        value: {
          botId: bot,
          ...(ms === null ? {} : { responseTimeMs: BigInt(ms) }),
          ...(hasError ? { status: 2, errorCode: 'timeout' } : {}),
        },
      },
      { id: `i${n}`, at: new Date(at - ago), tenantId, receivedAt: new Date(noon) },
    ),
  );
}

function read(metrics: MetricsRows, tenantId: string, at: number, botId = '') {
  return metrics.app.withTenant(
    tenantId,
    (tx) => readObjectives(tx, { partition, tenantId, generation: 1, botId, at: new Date(at) }),
    { byIndex: true },
  );
}

test(
  'at any instant each objective burns as a count over the raw events says',
  { timeout: 120_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(world, async ({ answers, at: into, latencyThresholdMs }) => {
        const tenantId = randomUUID();
        const at = noon + into;
        const rule = { successTarget: 0.95, latencyTarget: null, minSampleSize: 3 };
        await metrics.app.withTenant(tenantId, async (tx) => {
          const scope = { partition, tenantId };
          await saveHealthSettings(tx, scope, { botId: '', ...rule, latencyThresholdMs: null });
          const own = { successTarget: null, latencyTarget: null, minSampleSize: null, latencyThresholdMs };
          await saveHealthSettings(tx, scope, { botId: 'shop', ...own });
        });
        await metrics.fold(inOrder(toEvents(answers, at, tenantId)));

        const found = await read(metrics, tenantId, at);
        const lately = answers.filter(({ ago }) => ago > 0 && ago <= 259_200_000);
        expect(found.map(({ botId }) => botId)).toEqual(
          bots.filter((bot) => lately.some((one) => one.bot === bot)),
        );
        for (const { botId, objectives } of found) {
          const threshold = botId === 'shop' ? (latencyThresholdMs ?? 2_000) : 2_000;
          const of = (seconds: number) =>
            lately.filter(({ bot, ago }) => bot === botId && ago <= seconds * 1_000);
          const failed = (seconds: number) => ({
            total: of(seconds).length,
            bad: of(seconds).filter(({ hasError }) => hasError).length,
          });
          const slow = (seconds: number) => {
            const times = of(seconds).flatMap(({ ms }) => ms ?? []);
            const bad = times.filter((ms) => latencyBin(ms) > lastBinWithin(threshold));
            return { total: times.length, bad: bad.length };
          };
          expect(objectives).toEqual([
            burnStatus({ name: 'success', target: 0.95 }, failed, 3),
            burnStatus({ name: 'latency', target: 0.95 }, slow, 3),
          ]);
          expect(await read(metrics, tenantId, at, botId)).toEqual(
            found.filter((bot) => bot.botId === botId),
          );
        }
      }),
      { numRuns: 60 },
    );
  },
);

test('a bot of which nothing is known has objectives without data', async () => {
  const metrics = await openMetricsRows(cluster);
  const [bot, ...others] = await read(metrics, randomUUID(), noon, 'nobody');
  expect(others).toEqual([]);
  expect(bot?.objectives.map(({ name, target, state }) => ({ name, target, state }))).toEqual([
    { name: 'success', target: 0.99, state: 'insufficient_data' },
    { name: 'latency', target: 0.95, state: 'insufficient_data' },
  ]);
});
