import { randomUUID } from 'node:crypto';
import { cutWindow, parseTimeZone } from '@parley/calendar';
import { packEventKeys } from '@parley/event';
import { attributeAmount, retentionRanges } from '@parley/kpi';
import type { RetentionShape } from '@parley/kpi';
import type { ProjectionReader } from '@parley/projection';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyAttributes } from '../src/storage/kpi-state.sql.ts';
import { attribute, readAttribution } from '../src/use-cases/read-attribution.ts';
import type { CohortPeriod } from '../src/use-cases/cohort-periods.ts';
import { readRetention } from '../src/use-cases/read-cohorts.ts';
import { readFunnel } from '../src/use-cases/read-funnel.ts';
import { readLifetimeValue } from '../src/use-cases/read-lifetime-value.ts';
import { event, inOrder } from './events.ts';
import type { NewEvent } from './events.ts';
import { openMetricsRows, partition } from './metrics-database.ts';
import type { MetricsRows } from './metrics-database.ts';
import { slowAttribution, slowFunnel, slowLifetime, slowRetention, without } from './member-oracle.ts';
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
const hourMs = 3_600_000;
const models = ['last', 'first', 'linear', 'time_decay', 'position'] as const;

/** Reads the rows as far as they are complete to an instant. */
function readerOf(metrics: MetricsRows, completeTo: Date): ProjectionReader {
  return {
    read: ({ tenantId }, answer) =>
      metrics.app.withTenant(
        tenantId,
        (tx) => answer({ tx, generation: 1, watermark: { position: 1n, completeTo, lagMs: 0 } }),
        { byIndex: true },
      ),
  };
}

const asked = fc.record({
  from: time,
  hours: fc.integer({ min: 1, max: 96 }),
  period: fc.constantFrom<CohortPeriod>('day', 'day', 'week', 'month'),
  zone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kathmandu'),
  bot: fc.constantFrom('', '', 'sales', 'unknown'),
  group: fc.constantFrom('', '', 'shop'),
  intent: fc.constantFrom('', '', '', 'buy', 'unknown'),
  channel: fc.constantFrom('', '', '', 'web'),
  completeAfterHours: fc.integer({ min: 0, max: 200 }),
  shape: fc.constantFrom<RetentionShape>(
    { mode: 'exact', periodCount: 3 },
    { mode: 'unbounded', periodCount: 3 },
    { mode: { bracketStarts: [1, 2] }, periodCount: 0 },
  ),
  withinHours: fc.constantFrom(1, 12, 72),
  lookbackHours: fc.constantFrom(1, 24, 72),
  model: fc.constantFrom(...models),
  dimension: fc.constantFrom('bot' as const, 'group' as const, 'intent' as const),
});
type Asked = typeof asked extends fc.Arbitrary<infer Value> ? Value : never;

async function expectSlowAnswers(metrics: MetricsRows, tenantId: string, world: World, asked: Asked) {
  const window = { start: new Date(asked.from), end: new Date(asked.from + asked.hours * hourMs) };
  const { intent, channel } = asked;
  const scope = { botId: asked.bot, groupId: asked.group, intent, channel };
  const completeTo = new Date(start + asked.completeAfterHours * hourMs);
  const reader = readerOf(metrics, completeTo);
  const { zone, period, shape } = asked;
  const question = {
    ...anyAttributes,
    ...scope,
    tenantId,
    partition,
    currencyCode: 'USD',
    window: {
      ...window,
      cut: cutWindow(window.start, window.end),
      timeZone: parseTimeZone(zone),
      asOf: undefined,
    },
    timeZone: parseTimeZone(zone),
    period,
    minPosition: undefined,
    signal: AbortSignal.timeout(20_000),
  };
  const cohorts = { window, period, zone, scope, completeTo };

  const retention = await readRetention(reader, { ...question, shape });
  expect(
    retention.cohorts.map(({ memberCount, cells }) => ({
      memberCount,
      returned: cells.map(({ returnedCount }) => returnedCount),
    })),
  ).toEqual(slowRetention(world, cohorts, retentionRanges(shape)));

  const lifetime = await readLifetimeValue(reader, { ...question, periodCount: 2, margin: 0.5 });
  const slow = slowLifetime(world, cohorts, 2);
  expect(lifetime.memberCounts).toEqual(slow.counts);
  expect(lifetime.values.cohorts.map((cells) => cells.map((cell) => cell?.numerator))).toEqual(
    slow.cells.map((cells) => cells.map((cents) => (cents === undefined ? undefined : Number(cents) / 100))),
  );
  const { revenuePerPeriod, churnRate, expected } = lifetime.values;
  expect(revenuePerPeriod).toMatchObject({ numerator: Number(slow.net) / 100, denominator: slow.active });
  expect(churnRate).toMatchObject({ numerator: slow.followed - slow.stayed, denominator: slow.followed });
  if (slow.followed === slow.stayed) expect(expected).toBeUndefined();
  else expect(expected?.value).toBe((revenuePerPeriod.value * 0.5) / churnRate.value);

  const withinMs = asked.withinHours * hourMs;
  const { steps } = await readFunnel(reader, { ...question, withinMs });
  const walked = slowFunnel(world, window, scope, withinMs);
  expect(steps.map(({ memberCount }) => memberCount)).toEqual(walked.reached);
  for (const [index, { medianDurationMs }] of steps.entries()) {
    const times = walked.took[index] ?? [];
    const [low, high] = [times[(times.length - 1) >> 1], times[times.length >> 1]];
    expect(medianDurationMs).toBe(low === undefined || high === undefined ? undefined : (low + high) / 2);
  }

  const told = { model: asked.model, dimension: asked.dimension, lookbackMs: asked.lookbackHours * hourMs };
  const { credits } = await readAttribution(reader, { ...question, ...told });
  const shared = slowAttribution(world, window, scope, told);
  expect(
    Object.fromEntries(
      credits.map(({ currencyCode, value, minorUnits }) => [`${currencyCode} ${value}`, minorUnits]),
    ),
  ).toEqual(
    Object.fromEntries(
      Object.entries(shared.credits)
        .filter(([, { amount, conversions }]) => amount !== 0n || conversions !== 0)
        .map(([key, { amount }]) => [key, amount]),
    ),
  );
  const totals: Record<string, bigint> = {};
  for (const { currencyCode, minorUnits } of credits) {
    totals[currencyCode] = (totals[currencyCode] ?? 0n) + minorUnits;
  }
  expect(totals).toEqual(shared.totals);
  expect(credits.reduce((sum, { conversions }) => sum + conversions, 0)).toBeCloseTo(shared.count, 9);
}

test(
  'in any order, batching, window, scope and zone: retention, lifetime value, funnel and attribution of a slow count',
  { timeout: 400_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(world, orders, fc.array(asked, { minLength: 3, maxLength: 3 }), async (...drawn) => {
        const [told, stream, questions] = drawn;
        const tenantId = randomUUID();
        const log = inOrder(received(shuffle(eventsOf(told, tenantId), stream)));
        for (const batch of cutAtRandom(log, stream)) await metrics.fold(batch);
        for (const question of questions) await expectSlowAnswers(metrics, tenantId, told, question);
      }),
      { numRuns: 25 },
    );
  },
);

test(
  'after an erasure all of them are as if the member had never been there',
  { timeout: 400_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(world, orders, asked, async (told, stream, question) => {
        const tenantId = randomUUID();
        const left = without(told, 'ann');
        const name = ({ kind, eventKey }: NewEvent) => `${kind} ${eventKey}`;
        const kept = new Set(eventsOf(left, tenantId).map(name));
        const all = received(shuffle(eventsOf(told, tenantId), stream));
        const keys = new Map<number, string[]>();
        for (const one of all) {
          if (kept.has(name(one))) continue;
          keys.set(one.kind, [...(keys.get(one.kind) ?? []), one.eventKey]);
        }
        const { interactionKeys, eventKeys } = packEventKeys(keys);
        const value = {
          receiptId: randomUUID(),
          memberId: 'ann',
          userIds: [],
          interactionKeys: Uint8Array.from(interactionKeys),
          eventKeys: Uint8Array.from(eventKeys),
          part: 1,
          partCount: 1,
        };
        const at = new Date(start + span + 100 * 86_400_000);
        const erasure = event({ case: 'erasure', value }, { id: randomUUID(), at, tenantId });
        for (const batch of cutAtRandom(inOrder([...all, erasure]), stream)) await metrics.fold(batch);
        await expectSlowAnswers(metrics, tenantId, left, question);
      }),
      { numRuns: 20 },
    );
  },
);

test('the credits of thousands of journeys add up to what was earned, to the cent, by every model', async () => {
  const journey = fc.record({
    currencyCode: fc.constantFrom('USD', 'EUR', 'JPY'),
    amount: fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
    times: fc
      .uniqueArray(fc.nat(30 * 86_400_000), { maxLength: 12 })
      .map((list) => list.sort((a, b) => a - b)),
  });
  let journeyCount = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(journey, { minLength: 40, maxLength: 80 }),
      fc.constantFrom(...models),
      async (all, model) => {
        const credits = await attribute(
          all.map(({ currencyCode, amount, times }) => ({
            currencyCode,
            net: [[currencyCode, amount] as const],
            times,
            values: times.map((at) => `bot-${at % 3}`),
          })),
          model,
          AbortSignal.timeout(20_000),
        );
        for (const code of ['USD', 'EUR', 'JPY']) {
          const own = all.filter(({ currencyCode }) => currencyCode === code);
          expect(
            credits
              .filter(({ currencyCode }) => currencyCode === code)
              .reduce((sum, { minorUnits }) => sum + minorUnits, 0n),
          ).toBe(own.reduce((sum, { amount }) => sum + amount, 0n));
        }
        for (const { amount, times } of all) {
          const parts = attributeAmount(model, times, amount);
          if (times.length > 0) expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(amount);
        }
        journeyCount += all.length;
      },
    ),
    { numRuns: 100 },
  );
  expect(journeyCount).toBeGreaterThan(4_000);
});
