import { randomUUID } from 'node:crypto';
import { cutLocal, parseTimeZone } from '@parley/calendar';
import type { Range } from '@parley/calendar';
import { addRevenue, addStates, emptyRevenue, emptyState, isNoRevenue } from '@parley/kpi';
import type { LatencyBins, Revenue, RevenueSums } from '@parley/kpi';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { InputCell, Need } from '../src/use-cases/read-figures.ts';
import { inOrder } from './events.ts';
import { openMetricsRows } from './metrics-database.ts';
import { eventsOf, orders, received, shuffle, span, start, time, world } from './random-world.ts';

const cluster = await testCluster();
const day = 86_400_000;
const instant = fc.oneof(
  time,
  time.map((ms) => Math.floor(ms / 900_000) * 900_000),
  time.map((ms) => Math.floor(ms / day) * day),
);
const windows = fc.tuple(instant, instant).map(([one, other]): Range => ({
  start: new Date(Math.min(one, other)),
  end: new Date(Math.max(one, other)),
}));
const needs: readonly Need[] = ['sums', 'latencies', 'revenue', 'payers', 'earlier_members'];

/** What parts add up to, with who is in any of them. */
function merged(cells: readonly InputCell[]) {
  const bins = new Map<number, number>();
  const revenue = new Map<string, RevenueSums>();
  for (const { inputs, byCurrency } of cells) {
    for (const [bin, count] of inputs.latencies) bins.set(bin, (bins.get(bin) ?? 0) + count);
    for (const [code, sums] of byCurrency) {
      revenue.set(code, addRevenue(revenue.get(code) ?? emptyRevenue, sums));
    }
  }
  return {
    state: cells.reduce((sum, { inputs }) => addStates(sum, inputs.sums), emptyState),
    bins: told(bins),
    revenue: toldRevenue(revenue),
    members: [...new Set(cells.flatMap(({ inputs }) => [...inputs.lifecycle.window]))].sort(),
  };
}

function told(bins: LatencyBins) {
  return [...bins].filter(([, count]) => count !== 0).sort(([one], [other]) => one - other);
}

function toldRevenue(revenue: Revenue) {
  return [...revenue]
    .filter(([, sums]) => !isNoRevenue(sums))
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

test(
  'points of any length in any zone, together or by bot, merge to the whole; days of both edges of daylight saving time too',
  { timeout: 240_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(
        world,
        windows,
        fc.constantFrom('hour' as const, 'day' as const, 'week' as const),
        fc.constantFrom('UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'),
        async (world, window, period, zone) => {
          const tenantId = randomUUID();
          await metrics.fold(inOrder(eventsOf(world, tenantId)));
          const points = cutLocal(period, window.start, window.end, parseTimeZone(zone));
          for (const dimensions of [[], ['bot']] as const) {
            const whole = await metrics.cells([window], needs, { tenantId });
            const parts = await metrics.cells(points, needs, { tenantId, dimensions });
            expect(merged(parts)).toEqual(merged(whole));
            const byBot = await metrics.cells([window], needs, { tenantId, dimensions: ['bot'] });
            for (const cell of byBot) {
              const [ofBot] = await metrics.cells([window], needs, { tenantId, botId: cell.values[0] ?? '' });
              expect(ofBot && merged([ofBot])).toEqual(merged([cell]));
              expect(cell.inputs.revenue.payingMemberCount).toBe(ofBot?.inputs.revenue.payingMemberCount);
            }
          }
        },
      ),
      { numRuns: 15, endOnFailure: true },
    );
  },
);

test(
  'as of the end of every day the answer is that of a generation that knows nothing of later, in any window and for each bot',
  { timeout: 240_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(world, orders, windows, async (world, stream, window) => {
        const tenantId = randomUUID();
        const log = inOrder(received(shuffle(eventsOf(world, tenantId), stream)));
        await metrics.fold(log);
        const last = log.at(-1)?.receivedAt.getTime() ?? start;
        for (let asOf = Math.floor(start / day); asOf * day <= last; asOf += 1) {
          const generation = 1_000 + asOf;
          await metrics.fold(
            log.filter(({ receivedAt }) => receivedAt.getTime() < (asOf + 1) * day),
            generation,
          );
          for (const asked of [window, { start: new Date(start), end: new Date(start + span) }]) {
            for (const scope of [{}, { botId: 'sales' }, { botId: 'unknown' }]) {
              const then = await metrics.cells([asked], needs, { ...scope, tenantId, asOf });
              const known = await metrics.cells([asked], needs, { ...scope, tenantId, generation });
              expect({ asOf, ...merged(then) }).toEqual({ asOf, ...merged(known) });
              expect(then[0]?.inputs.revenue.payingMemberCount).toBe(
                known[0]?.inputs.revenue.payingMemberCount,
              );
            }
          }
        }
      }),
      { numRuns: 10, endOnFailure: true },
    );
  },
);
