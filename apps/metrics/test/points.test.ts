import { Code, ConnectError } from '@connectrpc/connect';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema } from '@parley/contracts/google/rpc/error_details';
import { Dimension, Granularity } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event, tickAt } from './events.ts';
import { operatorKey, startService } from './service-fixture.ts';

const cluster = await testCluster();
const now = () => new Date('2026-03-12T12:00:00Z');

interface Said {
  readonly botId?: string;
  readonly intent?: string;
  readonly groupId?: string;
  readonly receivedAt?: string;
}
const said = (id: string, at: string, { receivedAt = at, ...what }: Said = {}) =>
  event(
    { case: 'interaction', value: { botId: 'sales', memberId: `of ${id}`, ...what } },
    { id, at, receivedAt },
  );

/** Sunday the 8th has 23 hours in New York, where it begins at five o'clock of UTC. */
const events = [
  said('i1', '2026-03-02T10:00:00Z'),
  said('i2', '2026-03-08T06:59:59.999Z', { intent: 'escalate' }),
  said('i3', '2026-03-08T07:00:00Z'),
  said('i4', '2026-03-08T12:00:00Z', { botId: 'help', groupId: 'shop' }),
  said('i5', '2026-03-09T03:59:59Z', { botId: 'help', intent: 'escalate' }),
  said('i6', '2026-03-09T04:00:00Z', { botId: 'help' }),
  // What comes late.
  said('i7', '2026-03-08T13:00:00Z', { intent: 'escalate', receivedAt: '2026-03-11T09:00:00Z' }),
  tickAt(now()),
].sort((one, other) => one.receivedAt.getTime() - other.receivedAt.getTime());
const dates = (startDate: string, endDate: string) => ({
  window: { case: 'dates' as const, value: { startDate, endDate } },
  timeZone: 'America/New_York',
});

async function violationOf(asked: Promise<unknown>) {
  const error = ConnectError.from(await asked.then(() => undefined).catch((reason: unknown) => reason));
  expect(error.code).toBe(Code.InvalidArgument);
  return error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations)[0];
}

test(
  'points are those of the zone’s clock and calendar, empty ones too, and their numerators add up',
  { timeout: 60_000 },
  async () => {
    const { tell, a } = await startService(cluster, { now });
    await tell(events);
    const list = (granularity: Granularity, kpi = 'containment_rate', pageSize = 0, pageToken = '') =>
      a.listKpiPoints({ kpi, granularity, pageSize, pageToken, window: dates('2026-03-07', '2026-03-10') });

    const days = (await list(Granularity.DAY)).points;
    expect(days.map(({ windowStart }) => windowStart && timestampDate(windowStart).toISOString())).toEqual([
      '2026-03-07T05:00:00.000Z',
      '2026-03-08T05:00:00.000Z',
      '2026-03-09T04:00:00.000Z',
    ]);
    expect(days.map(({ value }) => [value?.numerator, value?.denominator, value?.hasData])).toEqual([
      [0, 0, false],
      [2, 5, true],
      [1, 1, true],
    ]);

    const hours = await list(Granularity.HOUR, 'total_interactions');
    expect(hours.points).toHaveLength(24 + 23 + 24);
    expect(hours.points.reduce((sum, { value }) => sum + (value?.value ?? 0), 0)).toBe(6);
    const paged = [];
    for (let token = '', more = true; more; more = token !== '') {
      const page = await list(Granularity.HOUR, 'guide.v1/total_interactions', 30, token);
      paged.push(...page.points);
      token = page.nextPageToken;
    }
    expect(paged).toEqual(hours.points);

    const weeks = await a.listKpiPoints({
      kpi: 'active_members',
      granularity: Granularity.WEEK,
      window: dates('2026-03-01', '2026-03-11'),
    });
    expect(weeks.points.map(({ value }) => value?.value)).toEqual([0, 6, 1]);
    expect((await list(Granularity.HOUR, 'interactions_per_minute')).points).toHaveLength(71);
    expect(await violationOf(list(Granularity.DAY, 'interactions_per_minute'))).toMatchObject({
      field: 'granularity',
    });
    expect(await violationOf(list(Granularity.DAY, 'containment'))).toMatchObject({
      field: 'kpi',
      description: expect.stringContaining('containment_rate') as string,
    });
    expect(await violationOf(list(Granularity.DAY, 'dau', 0, 'nonsense'))).toMatchObject({
      field: 'page_token',
    });
  },
);

test(
  'any figures by any dimensions, page by page, each point with the values that have data there',
  { timeout: 60_000 },
  async () => {
    const { tell, analysesAs, keyOf } = await startService(cluster, { now });
    await tell(events);
    const client = analysesAs({ credential: keyOf(['read']) });
    const ask = (dimensions: Dimension[], pageSize = 0, pageToken = '') =>
      client.queryKpis({
        kpis: ['total_interactions', 'containment_rate'],
        dimensions,
        granularity: Granularity.DAY,
        window: dates('2026-03-07', '2026-03-10'),
        pageSize,
        pageToken,
      });
    const byBot = await ask([Dimension.BOT]);
    expect(byBot.rows.map(({ dimensionValues, values }) => [dimensionValues, values[0]?.value])).toEqual([
      [['help'], 2],
      [['sales'], 3],
      [['help'], 1],
    ]);
    const byThree = await ask([Dimension.BOT, Dimension.GROUP, Dimension.INTENT]);
    expect(byThree.rows.map(({ dimensionValues, values }) => [...dimensionValues, values[0]?.value])).toEqual(
      [
        ['help', 'shop', 'unknown', 1],
        ['help', 'unknown', 'escalate', 1],
        ['sales', 'unknown', 'escalate', 2],
        ['sales', 'unknown', 'unknown', 1],
        ['help', 'unknown', 'unknown', 1],
      ],
    );
    for (const [dimensions, whole] of [
      [[Dimension.BOT], byBot],
      [[Dimension.BOT, Dimension.GROUP, Dimension.INTENT], byThree],
    ] as const) {
      const rows = [];
      for (let token = '', more = true; more; more = token !== '') {
        const page = await ask([...dimensions], 2, token);
        expect(page.rows.length).toBeGreaterThan(0);
        rows.push(...page.rows);
        token = page.nextPageToken;
      }
      expect(rows).toEqual(whole.rows);
    }
    const once = await client.queryKpis({ kpis: ['dau', 'mau'], window: dates('2026-03-07', '2026-03-10') });
    expect(once.rows.map(({ values }) => values.map(({ value }) => value))).toEqual([[2, 7]]);
  },
);

test(
  'a change is compared with the days before, and its parts add up to it',
  { timeout: 60_000 },
  async () => {
    const { tell, analysesAs, keyOf } = await startService(cluster, { now });
    const many = Array.from({ length: 400 }, (_, n) =>
      said(`m${n}`, `2026-03-${n < 200 ? '07' : '08'}T15:00:00Z`, {
        botId: n % 4 === 0 ? 'help' : 'sales',
        intent: n % (n < 200 ? 20 : 5) === 0 ? 'escalate' : 'buy',
      }),
    );
    const segmentsOf = (n: number) => (n % 3 === 0 ? ['beta', 'paid'] : n % 3 === 1 ? ['beta'] : []);
    const members = many.map((_, n) =>
      event(
        { case: 'member', value: { memberId: `of m${n}`, segments: segmentsOf(n) } },
        { id: `of m${n}`, at: '2026-03-06T15:00:00Z' },
      ),
    );
    await tell([...members, ...many, tickAt(now())]);
    const client = analysesAs({ credential: keyOf(['read']) });
    const window = dates('2026-03-08', '2026-03-09');

    const all = await client.compareKpis({ window });
    expect(all.baselineContext?.windowStart && timestampDate(all.baselineContext.windowStart)).toEqual(
      new Date('2026-03-07T05:00:00Z'),
    );
    const of = (name: string) =>
      all.comparisons.find(({ value }) => value?.definitionId.split(/[/?]/)[1] === name);
    expect(of('containment_rate')).toMatchObject({ method: 'newcombe', significant: true });
    expect(of('containment_rate')?.change).toBeCloseTo(-0.15, 12);
    // As many in 23 hours as in 24 before.
    expect(of('total_interactions')).toMatchObject({ method: 'poisson', significant: false, change: 0 });
    const named = await client.compareKpis({ window, kpis: ['dau', 'guide.v1/containment_rate'] });
    expect(named.comparisons.map(({ value }) => value?.definitionId)).toEqual([
      'guide.v1/containment_rate',
      'parley.v1/dau',
    ]);

    const asked = { kpi: 'containment_rate', window };
    const explained = await client.explainChange({
      ...asked,
      dimensions: [Dimension.BOT, Dimension.INTENT],
    });
    const sum = explained.parts.reduce((total, { mix, rate }) => total + (mix + rate), 0);
    expect(sum).toBe(explained.change);
    expect(explained.change).toBeCloseTo(
      (explained.value?.value ?? 0) - (explained.baseline?.value ?? 0),
      12,
    );
    expect(explained.parts.map(({ dimensionValues }) => dimensionValues.join()).sort()).toEqual([
      'help,buy',
      'help,escalate',
      'sales,buy',
      'sales,escalate',
    ]);
    const short = await client.explainChange({ ...asked, dimensions: [Dimension.INTENT], maxParts: 1 });
    expect(short.parts.map(({ dimensionValues }) => dimensionValues)).toEqual([['other']]);
    expect(
      await violationOf(client.explainChange({ kpi: 'dau', window, dimensions: [Dimension.BOT] })),
    ).toMatchObject({ field: 'kpi' });
    const bySegments = await client.explainChange({ ...asked, dimensions: [Dimension.SEGMENT] });
    expect(bySegments.parts.map(({ dimensionValues }) => dimensionValues.join()).sort()).toEqual([
      'beta',
      'beta + paid',
      'unknown',
    ]);
    expect(bySegments.parts.reduce((total, { mix, rate }) => total + (mix + rate), 0)).toBe(
      bySegments.change,
    );
  },
);

test(
  'an answer as of an earlier day is that of what was received by then, and each day since says what it brought',
  { timeout: 60_000 },
  async () => {
    const service = await startService(cluster, { now });
    const { tell, a, analysesAs, keyOf } = service;
    await tell(events);
    const client = analysesAs({ credential: keyOf(['read']) });
    const day = dates('2026-03-08', '2026-03-09');
    const asOf = (known: string) => ({ ...day, asOf: known });

    const known = async (window: Parameters<typeof a.getKpis>[0]['window']) => {
      const { engagement, operational, context } = await a.getKpis({ window });
      const { totalInteractions, activeMembers, activeUsers } = engagement ?? {};
      return {
        interactions: totalInteractions?.value,
        members: activeMembers?.value,
        contained: operational?.containmentRate?.numerator,
        hasUsers: activeUsers?.hasData,
        asOf: context?.asOf,
      };
    };
    expect(await known(day)).toEqual({ interactions: 5, members: 5, contained: 2, hasUsers: true, asOf: '' });
    const then = { interactions: 4, members: 4, contained: 2, hasUsers: false };
    expect(await known(asOf('2026-03-10'))).toEqual({ ...then, asOf: '2026-03-10' });
    expect(await known(asOf('2026-03-11'))).toMatchObject({ interactions: 5 });
    expect(await known(asOf('2026-03-08'))).toMatchObject({ interactions: 3 });
    const lastDays = await a.getKpis({ window: { window: { case: 'days', value: 1 }, asOf: '2026-03-08' } });
    expect(lastDays.context?.windowEnd && timestampDate(lastDays.context.windowEnd)).toEqual(
      new Date('2026-03-09T00:00:00Z'),
    );

    const revision = await client.explainRevision({ kpi: 'containment_rate', window: asOf('2026-03-08') });
    expect(revision.then).toMatchObject({ numerator: 2, denominator: 3 });
    expect(revision.now).toMatchObject({ numerator: 2, denominator: 5 });
    expect(revision.revisions).toMatchObject([
      { knownOn: '2026-03-09', numerator: 0, denominator: 1, cause: 'late_events' },
      { knownOn: '2026-03-11', numerator: 0, denominator: 1, cause: 'late_events' },
    ]);
    const ended = await client.explainRevision({ kpi: 'open_conversations', window: asOf('2026-03-09') });
    expect(ended.erasedSince).toBe(false);
    expect(ended.revisions.reduce((sum, { numerator }) => sum + numerator, 0)).toBe(
      (ended.now?.numerator ?? 0) - (ended.then?.numerator ?? 0),
    );

    for (const wrong of ['2026-03-12', '2027-01-01', '2026-02-30']) {
      expect(await violationOf(a.getKpis({ window: { asOf: wrong } }))).toMatchObject({
        field: 'window.as_of',
      });
    }
    expect(
      await violationOf(client.explainRevision({ kpi: 'active_users', window: asOf('2026-03-08') })),
    ).toMatchObject({ field: 'kpi' });
    expect(await violationOf(client.explainRevision({ kpi: 'nps', window: day }))).toMatchObject({
      field: 'window.as_of',
    });
    const operator = analysesAs({ credential: operatorKey, tenant: 'tenant-b' });
    const others = await operator.explainRevision({ kpi: 'containment_rate', window: asOf('2026-03-08') });
    expect(others.now).toMatchObject({ hasData: false });
  },
);
