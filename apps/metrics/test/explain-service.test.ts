import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@parley/contracts/google/rpc/error_details';
import type { ExplainKpiResponse } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { eventKeyOf } from '@parley/event';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event } from './events.ts';
import type { NewEvent } from './events.ts';
import { startService } from './service-fixture.ts';
import type { TestService } from './service-fixture.ts';

const cluster = await testCluster();
let at = Date.parse('2026-03-08T12:00:00Z');
const now = () => new Date(at);
const minute = 60_000;

function said(id: string, minutesAgo: number, rest: object = {}): NewEvent {
  const value = { botId: 'sales', memberId: 'ann', ...rest };
  return event({ case: 'interaction', value }, { id, at: new Date(at - minutesAgo * minute) });
}

async function pageOf(
  { a }: TestService,
  kpi: string,
  pageToken: string,
  pageSize = 4,
): Promise<ExplainKpiResponse> {
  return a.explainKpi({ kpi, pageSize, pageToken });
}

test(
  'while events arrive every row that was there comes once, and all pages tell the figure of the first',
  { timeout: 60_000 },
  async () => {
    const service = await startService(cluster, { now });
    const ids = Array.from({ length: 23 }, (_, n) => `i${n}`);
    await service.tell(
      ids.map((id, n) => said(id, 10 * (n + 1), { intent: 'escalate', responseText: 'Yes.' })),
    );

    const first = await pageOf(service, 'total_interactions', '');
    const keys: string[] = first.rows.map(({ eventKey }) => Buffer.from(eventKey).toString('hex'));
    let token = first.nextPageToken;
    for (let turn = 0; token !== ''; turn += 1) {
      // Time goes on, and what comes now lies before, among and after the rows that were told.
      at += minute;
      await service.tell([said(`now ${turn}`, 0), said(`late ${turn}`, 35), said(`old ${turn}`, 5_000)]);
      const page = await pageOf(service, 'total_interactions', token);
      expect(page).toMatchObject({
        rowCount: 23n,
        rowSum: 23,
        value: first.value,
        context: first.context,
        rowKind: 'interaction',
      });
      keys.push(...page.rows.map(({ eventKey }) => Buffer.from(eventKey).toString('hex')));
      token = page.nextPageToken;
    }
    expect(new Set(keys).size).toBe(keys.length);
    for (const id of ids) expect(keys).toContain(eventKeyOf(id).replaceAll('-', ''));
    expect(keys.filter((key) => key === eventKeyOf('now 0').replaceAll('-', ''))).toEqual([]);
  },
);

test('a tile, its numerator and its rows say the same, and a row says where it comes from', async () => {
  const service = await startService(cluster, { now });
  await service.tell([
    said('i1', 30, { intent: 'buy', groupId: 'shop', conversationId: 'c', responseTimeMs: 250n }),
    said('i2', 20, { intent: 'escalate', conversationId: 'c', responseTimeMs: 750n }),
    said('i3', 10, { intent: 'fallback', memberId: 'bob' }),
    event(
      {
        case: 'conversion',
        value: { interactionId: 'i1', outcome: 1, value: { currencyCode: 'USD', minorUnits: 2_950n } },
      },
      { id: 'c1', at: new Date(at - 9 * minute) },
    ),
    event(
      { case: 'refund', value: { conversionId: 'c1', value: { currencyCode: 'USD', minorUnits: 1_000n } } },
      { id: 'r1', at: new Date(at - 8 * minute) },
    ),
    event(
      { case: 'feedback', value: { interactionId: 'i1', rating: 4.5 } },
      { id: 'f1', at: new Date(at - 7 * minute) },
    ),
  ]);
  const { operational, customerExperience, revenue, audience } = await service.a.getKpis({});

  const containment = await pageOf(service, 'guide.v1/containment_rate', '');
  expect(containment.value).toEqual(operational?.containmentRate);
  expect(containment).toMatchObject({ rowCount: 2n, rowSum: 2, rowKind: 'interaction', nextPageToken: '' });

  const latency = await pageOf(service, 'avg_response_latency_ms', '');
  expect(latency.rows.map(({ amount }) => amount)).toEqual([750, 250]);
  expect(latency.value?.numerator).toBe(1_000);

  const earned = await pageOf(service, 'revenue', '');
  expect(earned.value).toEqual(revenue?.revenue);
  expect(earned).toMatchObject({ rowKind: 'conversion', rowSum: 19.5, rowCount: 2n });
  expect(earned.rows.map(({ kind, amount, intent, botId }) => [kind, amount, intent, botId])).toEqual([
    ['refund', -10, 'buy', 'sales'],
    ['conversion', 29.5, 'buy', 'sales'],
  ]);

  const csat = await pageOf(service, 'avg_csat', '');
  expect(csat.value).toEqual(customerExperience?.avgCsat);
  const [rating] = csat.rows;
  expect(rating).toMatchObject({
    kind: 'feedback',
    amount: 4.5,
    intent: 'buy',
    groupId: 'shop',
    knownOn: new Date(at - 7 * minute).toISOString().slice(0, 10),
  });
  expect(rating && Buffer.from(rating.eventKey).toString('hex')).toBe(eventKeyOf('f1').replaceAll('-', ''));

  const members = await pageOf(service, 'active_members', '');
  expect(members.value).toEqual(audience?.activeMembers);
  expect(members.rows.map(({ kind, occurredAt }) => [kind, occurredAt && timestampDate(occurredAt)])).toEqual(
    [
      ['member', new Date(at - 10 * minute)],
      ['member', new Date(at - 30 * minute)],
    ],
  );

  const conversations = await pageOf(service, 'conversations', '');
  expect(conversations.rows.map(({ conversationId }) => conversationId)).toEqual(['', 'c']);

  // Of the last hour unless told.
  await service.tell([said('i4', 90)]);
  const perMinute = await pageOf(service, 'interactions_per_minute', '');
  const { metrics } = await service.a.getRealTimeMetrics({});
  expect(perMinute.value).toEqual(metrics?.interactionsPerMinute);
  expect(perMinute.rowCount).toBe(3n);
});

test('what no row adds to, what there is not, and what is no token are refused by name', async () => {
  const { a, tell } = await startService(cluster, { now });
  await tell([said('i1', 30)]);
  const violation = async (request: Parameters<typeof a.explainKpi>[0]) => {
    const error = await a.explainKpi(request).then(
      () => undefined,
      (cause: unknown) => ConnectError.from(cause),
    );
    expect(error?.code).toBe(Code.InvalidArgument);
    return error?.findDetails(BadRequestSchema)[0]?.fieldViolations[0];
  };
  expect(await violation({ kpi: 'stickiness' })).toMatchObject({ field: 'kpi', reason: 'NOT_A_SUM_OF_ROWS' });
  expect((await violation({ kpi: 'response_latency_p99_ms' }))?.description).toContain(
    'ask for avg_response_latency_ms',
  );
  expect(await violation({ kpi: 'containmint_rate' })).toMatchObject({ field: 'kpi' });
  expect(await violation({ kpi: 'conversations', pageToken: 'bm8' })).toMatchObject({ field: 'page_token' });
  const { nextPageToken } = await a.explainKpi({ kpi: 'conversations' });
  expect(nextPageToken).toBe('');
});
