import { Code, ConnectError } from '@connectrpc/connect';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { cutLocal, parseTimeZone } from '@parley/calendar';
import type { AggregationPeriod } from '@parley/contracts/parley/ingestion/v1/event';
import { MetricCategory } from '@parley/contracts/parley/ingestion/v1/event';
import type { BotPerformanceMetricPoint } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { event, tenantB } from './events.ts';
import type { NewEvent } from './events.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const now = new Date('2026-03-10T16:20:00Z');
const service = await startService(cluster, { now: () => now, atEnd: afterAll });
// Tenant B is in New York, whose clock was set on 8 March.
const zone = parseTimeZone('America/New_York');
const springs = { start: new Date('2026-03-06T07:30:00Z'), end: new Date('2026-03-10T16:15:00Z') };
const newYear = { start: new Date('2025-12-20T00:00:00Z'), end: new Date('2026-02-03T12:00:00Z') };

const bots = ['help', 'sales', 'shop'];
const names = ['hourly', 'daily', 'weekly', 'monthly'] as const;
const localPeriods = { hourly: 'hour', daily: 'day', weekly: 'week', monthly: 'month' } as const;

const during = ({ start, end }: typeof springs) =>
  fc.integer({ min: start.getTime() - 3 * 86_400_000, max: end.getTime() + 86_400_000 });
const interactions = fc.array(
  fc.record({
    at: fc.oneof(during(springs), during(springs), during(newYear)),
    bot: fc.constantFrom(...bots),
    member: fc.constantFrom('ann', 'bob', 'cyd'),
    intent: fc.constantFrom('buy', 'escalate', 'fallback'),
    hasError: fc.boolean(),
    isAnswered: fc.boolean(),
    ms: fc.option(fc.constantFrom(0, 120, 4_000)),
  }),
  { minLength: 250, maxLength: 250 },
);
const ratings = fc.array(
  fc.record({
    at: fc.oneof(during(springs), during(newYear)),
    bot: fc.constantFrom(...bots),
    rating: fc.integer({ min: 1, max: 5 }),
  }),
  { minLength: 60, maxLength: 60 },
);
const others = fc.array(
  fc.record({
    at: fc.oneof(
      during(springs),
      during(newYear),
      // Also as Parley's own, and at the edges of the windows.
      fc.constantFrom('2026-03-08T05:00:00Z', '2026-03-09T04:00:00Z', '2026-01-01T05:00:00Z').map(Date.parse),
      fc.constantFrom(springs.start, springs.end, newYear.end).map((time) => time.getTime()),
    ),
    bot: fc.constantFrom(...bots, 'elsewhere'),
    type: fc.constantFrom('csat', 'error_rate', 'hold_time'),
    period: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
    value: fc.integer({ min: 0, max: 100 }),
    sampleSize: fc.integer({ min: 0, max: 50 }),
  }),
  { minLength: 80, maxLength: 80 },
);
const [world] = fc.sample(fc.record({ interactions, ratings, others }), { numRuns: 1, seed: 20_261_124 });
if (world === undefined) throw new Error('A world was asked for.');

const told = (id: string, at: number) => ({ id, at: new Date(at), receivedAt: now, tenantId: tenantB });
const events: readonly NewEvent[] = [
  ...world.interactions.map((one, n) =>
    event(
      {
        case: 'interaction',
        value: {
          botId: one.bot,
          memberId: one.member,
          intent: one.intent,
          responseText: one.isAnswered ? 'Yes.' : '',
          ...(one.ms !== null && { responseTimeMs: BigInt(one.ms) }),
          ...(one.hasError && { errorCode: 'timeout' }),
        },
      },
      told(`i${n}`, one.at),
    ),
  ),
  ...world.ratings.map((one, n) =>
    event(
      { case: 'feedback', value: { botId: one.bot, type: 1, rating: one.rating } },
      told(`f${n}`, one.at),
    ),
  ),
  ...world.others.map((one, n) =>
    event(
      {
        case: 'botPerformanceMetric',
        value: {
          botId: one.bot,
          metricCategory: MetricCategory.HEALTH,
          metricType: one.type,
          metricValue: one.value,
          aggregationPeriod: one.period as AggregationPeriod,
          sampleSize: BigInt(one.sampleSize),
        },
      },
      told(`p${n}`, one.at),
    ),
  ),
];
await service.tell(events);

interface Row {
  readonly end: number;
  readonly period: (typeof names)[number];
  readonly bot: string;
  readonly type: string;
  readonly value: number;
  readonly sampleSize: number;
  readonly isExternal: boolean;
}

function toRow(metric: BotPerformanceMetricPoint): Row {
  if (metric.windowEnd === undefined) throw new Error('A period has an end.');
  return {
    end: timestampDate(metric.windowEnd).getTime(),
    period: names.find((name) => name === metric.aggregationPeriod) ?? 'hourly',
    bot: metric.botId,
    type: metric.metricType,
    value: metric.metricValue,
    sampleSize: Number(metric.sampleSize),
    isExternal: metric.external,
  };
}

const windowOf = ({ start, end }: typeof springs) => ({
  window: {
    case: 'range' as const,
    value: { start: timestampFromDate(start), end: timestampFromDate(end) },
  },
});

/** All pages of a list. */
async function listAll(asked: object, pageSize: number): Promise<readonly BotPerformanceMetricPoint[]> {
  const found: BotPerformanceMetricPoint[] = [];
  for (let pageToken = ''; ;) {
    const page = await service.b.listBotPerformanceMetrics({ ...asked, pageSize, pageToken });
    expect(page.metrics.length).toBeLessThanOrEqual(pageSize);
    found.push(...page.metrics);
    if (page.nextPageToken === '') return found;
    pageToken = page.nextPageToken;
  }
}

/** What Parley should produce of some types, counted one by one. */
function produced({ start, end }: typeof springs): readonly Row[] {
  const month = 40 * 86_400_000;
  return names.flatMap((period) =>
    cutLocal(localPeriods[period], new Date(start.getTime() - month), new Date(end.getTime() + month), zone)
      .slice(1, -1)
      .filter((range) => range.end > start && range.end <= end)
      .flatMap((range) =>
        bots.flatMap((bot) => {
          const isIn = (one: { readonly at: number; readonly bot: string }) =>
            one.bot === bot && one.at >= range.start.getTime() && one.at < range.end.getTime();
          const said = world?.interactions.filter(isIn) ?? [];
          const rated = world?.ratings.filter(isIn).map(({ rating }) => rating) ?? [];
          const times = said.flatMap(({ ms }) => ms ?? []);
          const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
          const row = (type: string, total: number, of: number, sampleSize = of): Row => ({
            end: range.end.getTime(),
            period,
            bot,
            type,
            value: total / of,
            sampleSize,
            isExternal: false,
          });
          return [
            ...(said.length === 0
              ? []
              : [
                  row('error_rate', said.filter(({ hasError }) => hasError).length, said.length),
                  row(
                    'fallback_rate',
                    said.filter(({ intent }) => intent === 'fallback').length,
                    said.length,
                  ),
                  row(
                    'containment_rate',
                    said.filter(({ intent }) => intent !== 'escalate').length,
                    said.length,
                  ),
                  row('bounce_rate', said.filter(({ isAnswered }) => !isAnswered).length, said.length),
                ]),
            ...(said.length + rated.length === 0
              ? []
              : [row('total_interactions', said.length, 1, said.length)]),
            ...(said.length === 0
              ? []
              : [row('active_members', new Set(said.map(({ member }) => member)).size, 1, said.length)]),
            ...(times.length === 0 ? [] : [row('latency', sum(times), times.length)]),
            ...(rated.length === 0 ? [] : [row('csat', sum(rated), rated.length)]),
          ];
        }),
      ),
  );
}

function external({ start, end }: typeof springs): readonly Row[] {
  return (world?.others ?? [])
    .filter(({ at }) => at > start.getTime() && at <= end.getTime())
    .map(({ at, period, bot, type, value, sampleSize }) => ({
      end: at,
      period: names[period - 1] ?? 'hourly',
      bot,
      type,
      value,
      sampleSize,
      isExternal: true,
    }));
}

const order = (one: Row, other: Row): number =>
  other.end - one.end ||
  names.indexOf(one.period) - names.indexOf(other.period) ||
  (one.bot < other.bot ? -1 : one.bot > other.bot ? 1 : 0) ||
  (one.type < other.type ? -1 : one.type > other.type ? 1 : 0) ||
  Number(one.isExternal) - Number(other.isExternal);
const inOrder = (rows: readonly Row[]) =>
  [...rows].map((row) => JSON.stringify({ ...row, value: row.value.toFixed(9) })).sort();

test.each([
  ['over the setting of the clock', springs],
  ['over the end of a year', newYear],
] as const)(
  'rows produced and rows of others are all there, with true sample sizes, %s',
  { timeout: 90_000 },
  async (_, window) => {
    const all = (await listAll({ window: windowOf(window) }, 1_000)).map(toRow);
    // In the order of the list.
    for (const [index, row] of all.entries()) {
      if (index > 0) expect(order(all[index - 1] as Row, row)).toBeLessThanOrEqual(0);
    }
    const slow = produced(window);
    const counted = new Set(slow.map(({ type }) => type));
    expect(counted.size).toBe(8);
    const ofParley = all.filter(({ type, isExternal }) => !isExternal && counted.has(type));
    expect(inOrder(ofParley)).toEqual(inOrder(slow));
    expect(inOrder(all.filter(({ isExternal }) => isExternal))).toEqual(inOrder(external(window)));
    for (const name of names) expect(all.some(({ period }) => period === name)).toBe(true);
  },
);

test(
  'pages of any size join without gap or repetition, also those of neighbouring windows',
  { timeout: 120_000 },
  async () => {
    const middle = new Date('2026-03-09T04:00:00Z');
    const asked = (window: typeof springs) => ({ window: windowOf(window), metricType: 'csat' });
    const whole = await listAll(asked(springs), 1_000);
    expect(whole.length).toBeGreaterThan(20);
    expect(await listAll(asked(springs), 7)).toEqual(whole);
    expect(await listAll(asked(springs), 1)).toEqual(whole);
    const later = await listAll(asked({ start: middle, end: springs.end }), 100);
    const earlier = await listAll(asked({ start: springs.start, end: middle }), 100);
    expect([...later, ...earlier]).toEqual(whole);
    const ofAll = { window: windowOf(newYear) };
    expect(await listAll(ofAll, 83)).toEqual(await listAll(ofAll, 1_000));
  },
);

test('months in which there was nothing hide nothing before them', async () => {
  const ever = { window: { case: 'days' as const, value: 400 } };
  const all = await listAll({ window: ever, aggregationPeriod: 'monthly' }, 1_000);
  const months = { start: new Date(now.getTime() - 400 * 86_400_000), end: now };
  const slow = produced(months).filter(({ period, type }) => period === 'monthly' && type === 'error_rate');
  const rows = all.map(toRow).filter(({ type, isExternal }) => type === 'error_rate' && !isExternal);
  expect(inOrder(rows)).toEqual(inOrder(slow));
  expect(slow.length).toBeGreaterThan(5);
  expect((await service.a.listBotPerformanceMetrics({ window: ever })).metrics).toEqual([]);
});

test('a list is of one bot, type and period where it is asked for', async () => {
  const window = windowOf(newYear);
  const daily = await listAll(
    { window, aggregationPeriod: 'daily', botId: 'help', metricType: 'error_rate' },
    100,
  );
  const rows = daily.map(toRow);
  expect(rows.length).toBeGreaterThan(10);
  const isAsked = (row: Row) => row.period === 'daily' && row.bot === 'help' && row.type === 'error_rate';
  const slow = [...produced(newYear), ...external(newYear)].filter(isAsked);
  expect(inOrder(rows)).toEqual(inOrder(slow));
  // What only others measure has a type of its own.
  const held = await listAll({ window, metricType: 'hold_time' }, 100);
  expect(held.every((metric) => metric.external && metric.value === undefined)).toBe(true);
  expect(held.length).toBeGreaterThan(0);
  expect((await service.a.listBotPerformanceMetrics({ window })).metrics).toEqual([]);
});

test('a produced row has its figure with its parts, and its period by the zone’s clock', async () => {
  const window = { ...windowOf(springs), timeZone: 'America/New_York' };
  const days = await listAll({ window, aggregationPeriod: 'daily', metricType: 'error_rate' }, 100);
  const hours = days
    .filter(({ external: isExternal }) => !isExternal)
    .map(({ windowStart, windowEnd, value, metricCategory }) => {
      expect(value).toMatchObject({ definitionId: 'guide.v1/error_rate', hasData: true });
      expect(metricCategory).toBe('health');
      if (windowStart === undefined || windowEnd === undefined) throw new Error('A period has both ends.');
      return (timestampDate(windowEnd).getTime() - timestampDate(windowStart).getTime()) / 3_600_000;
    });
  expect(new Set(hours)).toEqual(new Set([23, 24]));
});

test('a token that is none of this list is refused', async () => {
  const first = await service.b.listBotPerformanceMetrics({ window: windowOf(springs), pageSize: 1 });
  expect(first.nextPageToken).not.toBe('');
  const forged = (change: (items: string[]) => void): string => {
    const items = JSON.parse(Buffer.from(first.nextPageToken, 'base64url').toString()) as string[];
    change(items);
    return Buffer.from(JSON.stringify(items)).toString('base64url');
  };
  for (const request of [
    { pageToken: first.nextPageToken },
    { pageToken: 'none' },
    { window: windowOf(springs), pageToken: forged((items) => (items[6] = 'x')) },
    { window: windowOf(springs), pageToken: forged((items) => (items[3] = '9')) },
    { window: windowOf(springs), pageToken: forged((items) => (items[2] = 'soon')) },
  ]) {
    const error = await service.b.listBotPerformanceMetrics(request).then(
      () => undefined,
      (failed: unknown) => ConnectError.from(failed),
    );
    expect(error?.code).toBe(Code.InvalidArgument);
  }
  const period = service.b.listBotPerformanceMetrics({ aggregationPeriod: 'yearly' });
  await expect(period).rejects.toMatchObject({ code: Code.InvalidArgument });
});
