import { randomUUID } from 'node:crypto';
import { cutLocal, parseTimeZone } from '@parley/calendar';
import { isNoRevenue, latencyCountOf, latencyQuantile } from '@parley/kpi';
import type { Revenue } from '@parley/kpi';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inOrder } from './events.ts';
import { openMetricsRows, partition } from './metrics-database.ts';
import type { MetricsRows, Scope } from './metrics-database.ts';
import {
  cutAtRandom,
  eventsOf,
  orders,
  received,
  shuffle,
  span,
  start,
  time,
  world,
} from './random-world.ts';
import type { World } from './random-world.ts';

const cluster = await testCluster();

interface Window {
  readonly from: number;
  readonly to: number;
}
type Dialogue = World['dialogues'][number];
type Conversion = Dialogue['conversions'][number];

const isIn = ({ from, to }: Window, at: number) => at >= from && at < to;
const isOf = (scope: Scope, bot: string, group: string) =>
  (!scope.botId || scope.botId === bot) && (!scope.groupId || scope.groupId === (group || 'unknown'));
/** Where a conversion counts: its own place, else its interaction's, else unknown. */
const placeOf = (d: Dialogue, c: Conversion) => ({
  bot: c.bot || (d.isReported ? d.bot : 'unknown'),
  group: c.group || (d.isReported ? d.group : 'unknown'),
});

/** The response times that the world knows of, in ascending order. */
function timesOf({ dialogues }: World, window: Window, scope: Scope): readonly number[] {
  return dialogues
    .filter((d) => d.isReported && isIn(window, d.at) && isOf(scope, d.bot, d.group))
    .flatMap((d) => d.completion?.ms ?? d.response.ms ?? [])
    .sort((a, b) => a - b);
}

/** What the world knows of money, by currency, counted one by one. */
function moneyOf({ dialogues }: World, window: Window, scope: Scope) {
  const found: Record<
    string,
    { orders: bigint; gross: bigint; refunds: bigint; back: bigint; over: bigint }
  > = {};
  const of = (currency: string) =>
    (found[currency] ??= { orders: 0n, gross: 0n, refunds: 0n, back: 0n, over: 0n });
  for (const d of dialogues) {
    for (const c of d.conversions) {
      const { bot, group } = placeOf(d, c);
      const sold = c.value;
      if (c.isReported && sold !== null && isIn(window, c.at) && isOf(scope, bot, group)) {
        const back = c.refunds
          .filter(({ currency }) => currency === sold.currency)
          .reduce((sum, { amount }) => sum + amount, 0n);
        if (sold.amount > 0n) {
          of(sold.currency).orders += 1n;
          of(sold.currency).gross += sold.amount;
        }
        if (back > sold.amount) of(sold.currency).over += 1n;
      }
      for (const refund of c.refunds) {
        const isHere = c.isReported ? isOf(scope, bot, group) : isOf(scope, 'unknown', 'unknown');
        if (refund.amount === 0n || !isIn(window, refund.at) || !isHere) continue;
        of(refund.currency).refunds += 1n;
        of(refund.currency).back += refund.amount;
      }
    }
  }
  return found;
}

function told(revenue: Revenue | undefined) {
  return Object.fromEntries(
    [...(revenue ?? [])]
      .filter(([, sums]) => !isNoRevenue(sums))
      .map(([currency, sums]) => [
        currency,
        {
          orders: sums.orderCount,
          gross: sums.grossMinorUnits,
          refunds: sums.refundCount,
          back: sums.refundedMinorUnits,
          over: sums.overRefundedCount,
        },
      ]),
  );
}

/** Who paid in dollars; with a bot those alone whose bot is known. */
function payersOf({ dialogues }: World, window: Window, scope: Scope): ReadonlySet<string> {
  const payers = dialogues.flatMap((d) =>
    d.conversions
      .filter((c) => c.isReported && c.value?.currency === 'USD' && c.value.amount > 0n && isIn(window, c.at))
      .filter((c) => isOf(scope, placeOf(d, c).bot, placeOf(d, c).group))
      .filter((c) => !scope.botId || placeOf(d, c).bot !== 'unknown')
      .map((c) => c.member || (d.isReported ? d.member : '')),
  );
  return new Set(payers.filter((member) => member !== ''));
}

function membersOf({ dialogues }: World, window: Window, scope: Scope): ReadonlySet<string> {
  return new Set(
    dialogues
      .filter((d) => d.isReported && d.member !== '' && isIn(window, d.at) && isOf(scope, d.bot, d.group))
      .map(({ member }) => member),
  );
}

const scopes: readonly Scope[] = [
  {},
  { botId: 'sales' },
  { botId: 'unknown' },
  { groupId: 'shop' },
  { groupId: 'unknown' },
  { groupId: 'shop', botId: 'help' },
];
const whole: Window = { from: start, to: start + span };

async function expectSlowFigures(metrics: MetricsRows, world: World, window: Window, scope: Scope) {
  const stretch = { start: new Date(window.from), end: new Date(window.to) };
  const times = timesOf(world, window, scope);
  const bins = await metrics.latencies(stretch.start, stretch.end, scope);
  expect(latencyCountOf(bins)).toBe(times.length);
  for (const quantile of [0.5, 0.9, 0.95, 0.99]) {
    const exact = times[Math.floor(quantile * (times.length - 1))];
    const found = latencyQuantile(bins, quantile);
    if (exact === undefined) expect(found).toBeUndefined();
    else expect(Math.abs((found ?? NaN) - exact)).toBeLessThanOrEqual(0.01 * exact + 1e-9);
  }
  const payers = await metrics.payers(stretch, scope);
  expect(payers).toBe(payersOf(world, window, scope).size);

  // Whole, and by the days of a zone whose days are no days of UTC.
  const days = cutLocal('day', stretch.start, stretch.end, parseTimeZone('America/New_York'));
  const parts = [stretch, ...days];
  const revenue = await metrics.revenue(parts, scope);
  const members = await metrics.members(parts, scope);
  for (const [index, part] of parts.entries()) {
    const own = { from: part.start.getTime(), to: part.end.getTime() };
    expect(told(revenue[index])).toEqual(moneyOf(world, own, scope));
    expect(members[index]?.length).toBe(membersOf(world, own, scope).size);
  }
}

const instant = fc.oneof(
  time,
  time.map((ms) => Math.floor(ms / 900_000) * 900_000),
  time.map((ms) => Math.floor(ms / 86_400_000) * 86_400_000),
);

test(
  'any order and batching gives the response times, revenue, payers and members of a slow count, in any window and scope',
  { timeout: 240_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(world, orders, instant, instant, async (world, stream, one, other) => {
        const tenantId = randomUUID();
        const log = inOrder(received(shuffle(eventsOf(world, tenantId), stream)));
        for (const batch of cutAtRandom(log, stream)) await metrics.fold(batch);
        for (const window of [whole, { from: Math.min(one, other), to: Math.max(one, other) }]) {
          for (const scope of scopes) {
            await expectSlowFigures(metrics, world, window, { ...scope, tenantId });
          }
        }
      }),
      { numRuns: 25 },
    );
  },
);

test(
  'what was known of money on a day is still there when more has come since',
  { timeout: 240_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(world, orders, fc.nat(), async (world, stream, choice) => {
        const tenantId = randomUUID();
        const log = inOrder(received(shuffle(eventsOf(world, tenantId), stream)));
        const lastDay = log[choice % log.length]?.receivedAt.toISOString().slice(0, 10) ?? '';
        const first = log.filter(({ receivedAt }) => receivedAt.toISOString().slice(0, 10) <= lastDay);
        await metrics.fold(first);
        const then = await knownOn(metrics, tenantId, lastDay);
        await metrics.fold(log.slice(first.length));
        expect(await knownOn(metrics, tenantId, lastDay)).toEqual(then);
      }),
      { numRuns: 15 },
    );
  },
);

/** The bins, sums and payers of all buckets, of what was known by the end of that day. */
async function knownOn(metrics: MetricsRows, tenantId: string, day: string): Promise<readonly object[]> {
  const of = 'partition = $1 and tenant_id = $2 and generation = 1 and known_on <= $3';
  const cell = 'cube, level, bucket_start, bot_id';
  const found: object[] = [];
  for (const statement of [
    `select ${cell}, bin, sum(count)::bigint as count
       from latency_rollups cross join lateral unnest(bins, counts) as b (bin, count)
      where ${of} group by ${cell}, bin having sum(count) <> 0 order by ${cell}, bin`,
    `select ${cell}, currency_code, sum(order_count)::text, sum(gross_minor_units)::text,
            sum(gross_square_sum)::text, sum(refund_count)::text, sum(refunded_minor_units)::text,
            sum(over_refunded_count)::text
       from revenue_rollups where ${of} group by ${cell}, currency_code order by ${cell}, currency_code`,
    `select ${cell}, currency_code, known_on, encode(members, 'hex') as members
       from payer_sets where ${of} order by ${cell}, currency_code, known_on`,
  ]) {
    const { rows } = await metrics.worker.query(statement, [partition, tenantId, day]);
    found.push(...rows);
  }
  return found;
}
