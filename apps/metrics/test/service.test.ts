import { Code, ConnectError } from '@connectrpc/connect';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { HealthCheckResponse_ServingStatus as ServingStatus } from '@parley/contracts/grpc/health/v1/health';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@parley/contracts/google/rpc/error_details';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { sleep } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { event, tenantB } from './events.ts';
import type { NewEvent } from './events.ts';
import { partition } from './metrics-database.ts';
import { operatorKey, startService } from './service-fixture.ts';
import type { CallerOptions, MetricsClient } from './service-fixture.ts';

const cluster = await testCluster();
const at = new Date('2026-03-08T12:00:00Z');
const now = () => at;
const shared = await startService(cluster, { now, atEnd: afterAll });
const minute = 60_000;

function said(id: string, minutesAgo: number, rest: object = {}, tenantId?: string): NewEvent {
  return event(
    { case: 'interaction', value: { botId: 'sales', ...rest } },
    { id, at: new Date(at.getTime() - minutesAgo * minute), ...(tenantId === undefined ? {} : { tenantId }) },
  );
}

const someEvents: readonly NewEvent[] = [
  said('i1', 10, {
    memberId: 'ann',
    intent: 'buy',
    sentiment: 1,
    responseText: 'Yes.',
    responseTimeMs: 250n,
  }),
  said('i2', 20, { memberId: 'bob', intent: 'escalate', groupId: 'shop', botId: 'help' }),
  said('i3', 26 * 60, { memberId: 'ann', intent: 'buy' }),
  event(
    { case: 'conversion', value: { interactionId: 'i1', outcome: 1 } },
    { id: 'c1', at: new Date(at.getTime() - minute) },
  ),
  event(
    { case: 'feedback', value: { interactionId: 'i1', rating: 4 } },
    { id: 'f1', at: new Date(at.getTime() - minute) },
  ),
  event(
    { case: 'member', value: { memberId: 'ann', userId: 'u1' } },
    { id: 'm1', at: new Date(at.getTime() - minute) },
  ),
  event({ case: 'user', value: { userId: 'u1' } }, { id: 'u1', at: new Date(at.getTime() - minute) }),
  event({ case: 'user', value: { userId: 'u2' } }, { id: 'u2', at: new Date(at.getTime() - minute) }),
];

/** The error of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<ConnectError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  if (outcome === undefined) throw new Error('The call did not fail.');
  return outcome;
}
function fieldsOf(error: ConnectError): string[] {
  return error
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field));
}
function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason;
}

test('the three dashboards are those of GetKpis, with all that is needed to judge a figure', async () => {
  const { tell, a } = await startService(cluster, { now });
  await tell(someEvents);

  const all = await a.getKpis({});
  expect(all.operational?.containmentRate).toMatchObject({
    value: 2 / 3,
    hasData: true,
    numerator: 2,
    denominator: 3,
    sampleSize: 3n,
    definitionId: 'guide.v1/containment_rate',
    unit: 2,
    interval: { level: 0.95 },
  });
  expect(all.operational?.resolutionRate).toMatchObject({ value: 1 / 3, numerator: 1, denominator: 3 });
  expect(all.operational?.avgHandlingTimeMs).toMatchObject({ value: 250, sampleSize: 1n });
  expect(all.customerExperience?.avgCsat).toMatchObject({ value: 4, hasData: true });
  expect(all.customerExperience?.sentimentDistribution).toMatchObject([
    { label: 'positive', count: 1n },
    { label: 'neutral', count: 0n },
    { label: 'negative', count: 0n },
  ]);
  expect(all.engagement).toMatchObject({
    activeUsers: { value: 1 },
    retentionRate: { value: 0.5 },
    activeMembers: { value: 2 },
    totalInteractions: { value: 3 },
    bounceRate: { value: 2 / 3 },
  });
  expect(all.context).toMatchObject({ timeZone: 'UTC' });
  expect(timestampDate(all.context?.windowEnd ?? timestampFromDate(new Date(0)))).toEqual(at);
  expect(all.context?.watermark?.lagMs).toBe(0n);

  expect((await a.getCustomerExperienceKpis({})).kpis).toEqual(all.customerExperience);
  expect((await a.getOperationalKpis({})).kpis).toEqual(all.operational);
  expect((await a.getEngagementKpis({})).kpis).toEqual(all.engagement);
  expect((await a.getConversationKpis({})).kpis).toEqual(all.conversations);
  const { definitions } = await a.listKpiDefinitions({});
  expect(definitions.map(({ definitionId }) => definitionId)).toEqual(
    expect.arrayContaining(
      [all.customerExperience, all.operational, all.engagement, all.conversations].flatMap((dashboard) =>
        Object.values(dashboard ?? {}).flatMap((value) =>
          typeof value === 'object' && 'definitionId' in value
            ? [value.definitionId.replace(/[?].*/, '')]
            : [],
        ),
      ),
    ),
  );
});

test('a scope and a window choose what counts', async () => {
  const { tell, a } = await startService(cluster, { now });
  await tell(someEvents);
  const total = async (request: Parameters<MetricsClient['getKpis']>[0]) =>
    (await a.getKpis(request)).engagement?.totalInteractions?.value;

  expect(await total({ scope: { botId: 'help' } })).toBe(1);
  expect(await total({ scope: { groupId: 'shop' } })).toBe(1);
  expect(await total({ scope: { groupId: 'shop', botId: 'sales' } })).toBe(0);
  expect(await total({ window: { window: { case: 'days', value: 1 } } })).toBe(2);
  const dates = (startDate: string, endDate: string, timeZone = '') =>
    total({ window: { window: { case: 'dates', value: { startDate, endDate } }, timeZone } });
  expect(await dates('2026-03-07', '2026-03-08')).toBe(1);
  expect(await dates('2026-03-08', '2026-03-09')).toBe(2);
  // 10:00 UTC on the 7th is 15:45 in Kathmandu, and 23:59 of the day before at the date line.
  expect(await dates('2026-03-07', '2026-03-08', 'Asia/Kathmandu')).toBe(1);
  expect(await dates('2026-03-06', '2026-03-07', 'Etc/GMT+12')).toBe(1);
  const range = (start: string, end: string) =>
    total({
      window: {
        window: {
          case: 'range',
          value: { start: timestampFromDate(new Date(start)), end: timestampFromDate(new Date(end)) },
        },
      },
    });
  expect(await range('2026-03-08T11:40:00Z', '2026-03-08T11:50:00Z')).toBe(1);
  expect(await range('2026-03-08T11:40:00.001Z', '2026-03-08T11:50:00Z')).toBe(0);
});

test('an instant between two milliseconds cuts where it stands', async () => {
  const { tell, a } = await startService(cluster, { now });
  await tell([said('i1', 10)]);
  const seconds = BigInt(at.getTime() / 1_000 - 600);
  const total = async (startNanos: number, endNanos: number) => {
    const window = {
      case: 'range',
      value: { start: { seconds, nanos: startNanos }, end: { seconds, nanos: endNanos } },
    } as const;
    return (await a.getKpis({ window: { window } })).engagement?.totalInteractions?.value;
  };
  expect(await total(0, 1)).toBe(1);
  expect(await total(1, 2_000_000)).toBe(0);
  expect(await total(1, 2)).toBe(0);
});

test("days begin in the tenant's zone unless another is asked for", async () => {
  const { log, positions, b } = await startService(cluster, { now });
  log.append([said('i1', 9 * 60, {}, tenantB)]); // 03:00 UTC on the 8th, the evening of the 7th in New York
  const minPosition = positions.seal({ partition, offset: log.head });
  const ask = async (timeZone: string) => {
    const { engagement, context } = await b.getKpis({
      minPosition,
      window: {
        window: { case: 'dates', value: { startDate: '2026-03-07', endDate: '2026-03-08' } },
        timeZone,
      },
    });
    return [engagement?.totalInteractions?.value, context?.timeZone];
  };
  expect(await ask('')).toEqual([1, 'America/New_York']);
  expect(await ask('utc')).toEqual([0, 'UTC']);
});

test('the last hour gives the real-time metrics', async () => {
  const { tell, a } = await startService(cluster, { now });
  await tell([...someEvents, said('edge', 60), said('before', 60.001)]);

  const { metrics, context } = await a.getRealTimeMetrics({});
  expect(metrics).toMatchObject({
    interactionsPerMinute: { value: 3 / 60, unit: 5 },
    conversionRate: { value: 1 / 3 },
    avgResponseTime: { value: 250 },
    windowSeconds: 3600n,
  });
  expect(timestampDate(context?.windowStart ?? timestampFromDate(new Date(0)))).toEqual(
    new Date(at.getTime() - 60 * minute),
  );
});

test('without data a figure is 0 and says so', async () => {
  const { a } = await startService(cluster, { now });
  await expect
    .poll(() =>
      a.getKpis({}).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  const all = await a.getKpis({});
  const dashboards = [all.customerExperience, all.operational, all.engagement, all.conversations];
  const values = dashboards.flatMap((dashboard) =>
    Object.values(dashboard ?? {}).flatMap((value) =>
      typeof value === 'object' && 'definitionId' in value ? [value] : [],
    ),
  );
  expect(values).toHaveLength(46);
  for (const value of values) expect(value).toMatchObject({ value: 0, hasData: false });
});

test('an answer holds what its min_position asks for, as soon as that has come', async () => {
  const { log, positions, a } = await startService(cluster, { now });
  const minPosition = positions.seal({ partition, offset: 1n });
  const answer = a.getKpis({ minPosition });
  await sleep(300);
  log.append([said('i1', 10)]);

  const { engagement, context } = await answer;
  expect(engagement?.totalInteractions?.value).toBe(1);
  expect(positions.open(context?.watermark?.position ?? '')).toEqual({ partition, offset: 1n });

  const tooFar = { minPosition: positions.seal({ partition, offset: 2n }) };
  const late = await failure(a.getKpis(tooFar, { timeoutMs: 1_000 }));
  expect([late.code, reasonOf(late)]).toEqual([Code.Unavailable, 'NOT_CAUGHT_UP']);
});

test('a tenant that asks for more than it may at a time waits and is refused; another one is answered', async () => {
  const { a, b, log, positions } = shared;
  const ended = new AbortController();
  // Nothing is that far yet, so each of them holds its place.
  const minPosition = positions.seal({ partition, offset: log.head + 1_000n });
  const held = Array.from({ length: 100 }, () =>
    failure(a.getKpis({ minPosition }, { signal: ended.signal, timeoutMs: 60_000 })),
  );
  const refused = await Promise.race(held);
  expect(refused.code).toBe(Code.ResourceExhausted);
  expect(refused.findDetails(ErrorInfoSchema)[0]?.reason).toBe('TENANT_QUERIES');
  expect(refused.findDetails(RetryInfoSchema)).toHaveLength(1);

  for (let call = 0; call < 10; call += 1) await b.getKpis({});

  ended.abort();
  const codes = (await Promise.all(held)).map(({ code }) => code);
  // Eight are answered at a time, and eight times as many wait.
  expect(codes.filter((code) => code === Code.ResourceExhausted)).toHaveLength(100 - 8 - 64);
});

test('a min_position of another partition, or that is none, is refused', async () => {
  const { positions, a } = await startService(cluster, { now });
  for (const minPosition of [positions.seal({ partition: partition + 1, offset: 1n }), 'here']) {
    const error = await failure(a.getKpis({ minPosition }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(fieldsOf(error)).toEqual(['min_position']);
  }
});

const range = (start: string, end: string) => ({
  case: 'range' as const,
  value: { start: timestampFromDate(new Date(start)), end: timestampFromDate(new Date(end)) },
});
const dates = (startDate: string, endDate: string) => ({
  case: 'dates' as const,
  value: { startDate, endDate },
});

test.each([
  ['no days', { window: { case: 'days' as const, value: 0 } }, 'window.days'],
  ['too many days', { window: { case: 'days' as const, value: 401 } }, 'window.days'],
  ['an empty range', { window: range('2026-01-01', '2026-01-01') }, 'window.range.end'],
  ['a range that ends before it starts', { window: range('2026-01-02', '2026-01-01') }, 'window.range.end'],
  [
    'a range of more than 400 days',
    { window: range('2026-01-01T00:00:00Z', '2027-02-05T00:00:00.001Z') },
    'window.range.end',
  ],
  [
    'a range without an end',
    { window: { case: 'range' as const, value: { start: timestampFromDate(at) } } },
    'window.range.end',
  ],
  ['a day that is none', { window: dates('2026-02-30', '2026-03-01') }, 'window.dates.start_date'],
  ['no day', { window: dates('2026-02-28', 'tomorrow') }, 'window.dates.end_date'],
  ['days in the wrong order', { window: dates('2026-03-02', '2026-03-02') }, 'window.dates.end_date'],
  ['days too far apart', { window: dates('2026-01-01', '2027-02-06') }, 'window.dates.end_date'],
  ['a zone that is none', { timeZone: 'Mars/Olympus' }, 'window.time_zone'],
  ['an offset for a zone', { timeZone: '+05:45' }, 'window.time_zone'],
])('%s is refused by its field', async (_, window, field) => {
  const { a } = shared;
  const error = await failure(a.getKpis({ window }));
  expect(error.code).toBe(Code.InvalidArgument);
  expect(fieldsOf(error)).toEqual([field]);
});

test('the longest window is answered', async () => {
  const { tell, a } = await startService(cluster, { now });
  await tell(someEvents);
  const { engagement } = await a.getKpis({ window: { window: { case: 'days', value: 400 } } });
  expect(engagement?.totalInteractions?.value).toBe(3);
  const window = { window: range('2026-01-01T00:00:00Z', '2027-02-05T00:00:00Z') };
  expect((await a.getKpis({ window })).engagement?.totalInteractions?.value).toBe(3);
});

test.each(MetricsService.methods.map(({ name }) => name))(
  '%s answers nobody but keys that may read, and the operator for a tenant',
  async (name) => {
    const { as, keyOf } = shared;
    const codeOf = async (caller: CallerOptions) => (await failure(call(as(caller), name))).code;

    expect(await codeOf({ credential: 'nobody' })).toBe(Code.Unauthenticated);
    expect(await codeOf({ credential: keyOf(['ingest', 'experiment']) })).toBe(Code.PermissionDenied);
    expect(await codeOf({ credential: keyOf(['read']), tenant: 'tenant-b' })).toBe(Code.PermissionDenied);
    expect(await codeOf({ credential: operatorKey })).toBe(Code.InvalidArgument);
    expect(await codeOf({ credential: operatorKey, tenant: 'tenant-c' })).toBe(Code.NotFound);
  },
);

test("a tenant's key and the operator acting for it get the same, another tenant's key nothing of it", async () => {
  const { tell, as, a, b } = await startService(cluster, { now });
  await tell(someEvents);

  const mine = await a.getKpis({});
  expect(mine.engagement?.totalInteractions?.value).toBe(3);
  const operator = as({ credential: operatorKey, tenant: 'tenant-a' });
  expect((await operator.getKpis({})).engagement).toEqual(mine.engagement);
  expect((await b.getKpis({})).engagement?.totalInteractions).toMatchObject({ value: 0, hasData: false });
  expect((await b.getKpis({ scope: { groupId: 'shop' } })).engagement?.activeMembers?.value).toBe(0);
});

test('the service is healthy once the log has been heard', async () => {
  const { health, log } = await startService(cluster, { isReachable: false });
  const status = async () => (await health.check({ service: MetricsService.typeName })).status;
  await sleep(500);
  expect(await status()).toBe(ServingStatus.NOT_SERVING);
  log.setReachable(true);
  await expect.poll(status, { timeout: 15_000 }).toBe(ServingStatus.SERVING);
});

test('what is computed from the log once more is the same, row by row', { timeout: 30_000 }, async () => {
  const { tell, running } = await startService(cluster, { now });
  await tell([...someEvents].reverse());
  await tell([said('i4', 5, { memberId: 'cyd' }), said('i5', 5)]);

  for await (const { result } of running.projections.verify('metrics.kpi', AbortSignal.timeout(20_000))) {
    if (result === undefined) continue;
    expect(result.differences).toEqual([]);
    expect(result.rowCount).toBeGreaterThan(30n);
  }
});

/** Calls a method with a request that is well formed. */
async function call(client: MetricsClient, name: string): Promise<unknown> {
  switch (name) {
    case 'WatchRealTimeMetrics':
      return Array.fromAsync(client.watchRealTimeMetrics({}));
    case 'ListKpiPoints':
      return client.listKpiPoints({ kpi: 'containment_rate' });
    case 'ExplainKpi':
      return client.explainKpi({ kpi: 'containment_rate' });
    case 'CheckBotHealth':
      return client.checkBotHealth({ botId: 'sales' });
    case 'ListBotPerformanceMetrics':
      return client.listBotPerformanceMetrics({});
    case 'ListKpiDefinitions':
      return client.listKpiDefinitions({});
    case 'GetRealTimeMetrics':
      return client.getRealTimeMetrics({});
    case 'GetKpis':
      return client.getKpis({});
    case 'GetCustomerExperienceKpis':
      return client.getCustomerExperienceKpis({});
    case 'GetOperationalKpis':
      return client.getOperationalKpis({});
    case 'GetConversationKpis':
      return client.getConversationKpis({});
    case 'GetEngagementKpis':
      return client.getEngagementKpis({});
    case 'GetRevenueKpis':
      return client.getRevenueKpis({});
    case 'GetAudienceKpis':
      return client.getAudienceKpis({});
    default:
      throw new Error(`How to call ${name} is not told here.`);
  }
}
