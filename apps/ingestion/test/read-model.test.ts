import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { demoRevenueByIntent, generateHistory } from '@parley/demo';
import type { DemoLine } from '@parley/demo';
import { openFile, parseLine, readLines } from '@parley/import';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const service = await startService(cluster, { atEnd: afterAll });
const { admin, tenant } = service;

type EventInit = MessageInitShape<typeof EventSchema>;
const at = (minute: number) => timestampFromDate(new Date(Date.UTC(2026, 2, 1, 10, minute)));
const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });

/** Records events in batches and waits until the read model has them. */
async function record({ clients: { ingestion } }: TestTenant, events: readonly EventInit[], batchSize = 500) {
  const starts = Array.from(
    { length: Math.ceil(events.length / batchSize) },
    (_, index) => index * batchSize,
  );
  const outcomes: EventOutcome[] = [];
  let minPosition = '';
  for (const start of starts) {
    const { results, position } = await ingestion.recordEvents({
      events: events.slice(start, start + batchSize),
    });
    outcomes.push(...results.map(({ outcome }) => outcome));
    minPosition = position;
  }
  await ingestion.listInteractions({ pageSize: 1, minPosition });
  return outcomes;
}

const viewOf = async (view: string, columns: string, { tenant: { tenantId } }: TestTenant) =>
  (await admin.query(`select ${columns} from ingestion.${view} where tenant_id = $1 order by id`, [tenantId]))
    .rows;

const interaction = (eventId: string, minute: number, value: object = {}): EventInit => ({
  eventId,
  occurredAt: at(minute),
  payload: { case: 'interaction', value: { botId: 'bot-1', ...value } },
});
const conversion = (
  eventId: string,
  interactionId: string,
  minorUnits: bigint | undefined,
  value: object = {},
): EventInit => ({
  eventId,
  occurredAt: at(30),
  payload: {
    case: 'conversion',
    value: {
      interactionId,
      outcome: Outcome.PURCHASED,
      ...(minorUnits !== undefined && { value: usd(minorUnits) }),
      ...value,
    },
  },
});

/** Every order of a few things. */
function permutations<T>(things: readonly T[]): T[][] {
  if (things.length < 2) return [[...things]];
  return things.flatMap((thing, index) =>
    permutations(things.filter((_, other) => other !== index)).map((rest) => [thing, ...rest]),
  );
}

test('a completion, a conversion and a refund meet their interaction, whichever comes first', async () => {
  const events = [
    interaction('i', 0, { intent: 'buy', responseText: 'own', responseTimeMs: 5n, errorCode: 'E1' }),
    {
      eventId: 'i',
      occurredAt: at(1),
      payload: { case: 'completion', value: { interactionId: 'i', responseText: 'hi', responseTimeMs: 0n } },
    },
    conversion('c', 'i', 2900n, { conversionType: 'subscription' }),
    {
      eventId: 'r',
      occurredAt: at(40),
      payload: { case: 'refund', value: { conversionId: 'c', value: usd(900n) } },
    },
  ] satisfies EventInit[];
  const check = async (order: readonly EventInit[]) => {
    const own = await tenant();
    await record(own, order, 1);
    expect(
      await viewOf(
        'interactions',
        'id, response_text, response_time_ms, error_code, monetization_event, completed_at is not null as completed',
        own,
      ),
    ).toEqual([
      {
        id: 'i',
        response_text: 'hi',
        response_time_ms: 0,
        error_code: 'E1',
        monetization_event: true,
        completed: true,
      },
    ]);
    expect(await viewOf('conversions', 'id, bot_id, intent, conversion_value, outcome', own)).toEqual([
      { id: 'c', bot_id: 'bot-1', intent: 'buy', conversion_value: '29.00', outcome: 'purchased' },
    ]);
    expect(
      await viewOf(
        'monetization_events',
        'id, interaction_id, conversion_id, revenue_generated, event_details, is_refund',
        own,
      ),
    ).toEqual([
      {
        id: 'c',
        interaction_id: 'i',
        conversion_id: 'c',
        revenue_generated: '29.00',
        event_details: { conversion_type: 'subscription' },
        is_refund: false,
      },
      {
        id: 'r',
        interaction_id: 'i',
        conversion_id: 'c',
        revenue_generated: '-9.00',
        event_details: { conversion_type: 'subscription' },
        is_refund: true,
      },
    ]);
  };
  await Promise.all(permutations(events).map(check));
});

test('a conversion makes exactly one monetization event, if its value is above 0', async () => {
  const own = await tenant();
  const events = [
    conversion('paid', 'i', 1n),
    conversion('free', 'i', 0n),
    conversion('none', 'i', undefined),
  ];
  await record(own, [...events, ...events]);
  await record(own, events);
  expect(await viewOf('monetization_events', 'id', own)).toEqual([{ id: 'paid' }]);
  expect(await viewOf('conversions', 'id, conversion_value::float8 as value', own)).toEqual([
    { id: 'free', value: 0 },
    { id: 'none', value: 0 },
    { id: 'paid', value: 0.01 },
  ]);
});

test('whole units follow the currency: yen have no decimals, dinars three', async () => {
  const own = await tenant();
  const paid = (eventId: string, currencyCode: string) =>
    conversion(eventId, 'i', undefined, { value: { currencyCode, minorUnits: 2900n } });
  await record(own, [paid('1', 'USD'), paid('2', 'JPY'), paid('3', 'BHD')]);
  expect(await viewOf('monetization_events', 'revenue_generated, currency_code', own)).toEqual([
    { revenue_generated: '29.00', currency_code: 'USD' },
    { revenue_generated: '2900', currency_code: 'JPY' },
    { revenue_generated: '2.900', currency_code: 'BHD' },
  ]);
});

test('of a member, the record that occurred last and the latest activity stay, in any order', async () => {
  const member = (eventId: string, minute: number, userId: string): EventInit => ({
    eventId,
    occurredAt: at(minute),
    payload: { case: 'member', value: { memberId: 'm', userId, segments: [userId] } },
  });
  const events = [
    member('r1', 1, 'old'),
    member('r2', 2, 'new'),
    interaction('i1', 3, { memberId: 'm' }),
    interaction('i2', 9, { memberId: 'm' }),
  ];
  for (const order of permutations(events)) {
    const own = await tenant();
    await record(own, order, 2);
    expect(await viewOf('members', 'id, user_id, segments, last_activity, "timestamp"', own)).toEqual([
      {
        id: 'm',
        user_id: 'new',
        segments: ['new'],
        last_activity: new Date('2026-03-01T10:09:00Z'),
        timestamp: new Date('2026-03-01T10:02:00Z'),
      },
    ]);
  }
});

test('of a user, the record that occurred last stays; of two at once the same one in any order', async () => {
  const user = (eventId: string, minute: number): EventInit => ({
    eventId,
    occurredAt: at(minute),
    payload: { case: 'user', value: { userId: 'u', attributes: { from: eventId } } },
  });
  const found = new Set<string>();
  for (const order of permutations([user('a', 1), user('b', 2), user('c', 2)])) {
    const own = await tenant();
    await record(own, order, 1);
    found.add(JSON.stringify(await viewOf('users', 'id, attributes', own)));
  }
  expect([...found]).toHaveLength(1);
  expect([...found][0]).toMatch(/"from":"[bc]"/);
});

test('every field of every kind can be read back by SQL', async () => {
  const own = await tenant();
  await record(own, [
    {
      eventId: 'f',
      occurredAt: at(1),
      payload: {
        case: 'feedback',
        value: { rating: 4, interactionId: 'i', memberId: 'm', comment: 'fine', botId: 'b', groupId: 'g' },
      },
    },
    {
      eventId: 'h',
      occurredAt: at(2),
      payload: { case: 'handoff', value: { conversationId: 'k', reason: 'asked', actor: 1 } },
    },
    {
      eventId: 'b',
      occurredAt: at(3),
      payload: {
        case: 'botPerformanceMetric',
        value: {
          botId: 'b',
          metricCategory: 5,
          metricType: 'error_rate',
          metricValue: 0.05,
          aggregationPeriod: 1,
          sampleSize: 7n,
        },
      },
    },
    interaction('i', 4, {
      attributes: { plan: 'gold', nested: { n: 1.5, list: [true, null] } },
      channel: 'web',
      conversationId: 'k',
    }),
  ]);
  expect(
    await viewOf(
      'feedback',
      'id, type, rating, csat_rating, scale_min, scale_max, interaction_id, member_id, comment, bot_id, group_id',
      own,
    ),
  ).toEqual([
    {
      id: 'f',
      type: 'csat',
      rating: 4,
      csat_rating: 4,
      scale_min: 1,
      scale_max: 5,
      interaction_id: 'i',
      member_id: 'm',
      comment: 'fine',
      bot_id: 'b',
      group_id: 'g',
    },
  ]);
  expect(await viewOf('handoffs', 'id, conversation_id, reason, actor', own)).toEqual([
    { id: 'h', conversation_id: 'k', reason: 'asked', actor: 'member' },
  ]);
  expect(
    await viewOf(
      'bot_performance_metrics',
      'id, metric_category, metric_type, metric_value, aggregation_period, sample_size',
      own,
    ),
  ).toEqual([
    {
      id: 'b',
      metric_category: 'health',
      metric_type: 'error_rate',
      metric_value: 0.05,
      aggregation_period: 'hourly',
      sample_size: 7n,
    },
  ]);
  expect(await viewOf('interactions', 'id, "timestamp", attributes, channel, conversation_id', own)).toEqual([
    {
      id: 'i',
      timestamp: new Date('2026-03-01T10:04:00Z'),
      attributes: { plan: 'gold', nested: { n: 1.5, list: [true, null] } },
      channel: 'web',
      conversation_id: 'k',
    },
  ]);
});

/** The question of the README, asked of this database. */
async function intentsByRevenue(...tenants: readonly string[]) {
  const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
  const sql = /```sql\n([^`]*?)```/.exec(readme)?.[1];
  if (sql === undefined) throw new Error('The README shows no SQL.');
  const { rows } = await admin.query<{
    tenant: string;
    intent: string;
    interactions: bigint;
    revenue_events: bigint;
    revenue: string;
  }>(sql);
  return new Map(
    rows
      .filter((row) => tenants.includes(row.tenant))
      .map((row) => [
        `${row.tenant}|${row.intent}`,
        {
          interactions: Number(row.interactions),
          revenue_events: Number(row.revenue_events),
          revenue: Number(row.revenue),
        },
      ]),
  );
}

function shuffled<T>(things: readonly T[], seed: number): T[] {
  let state = seed;
  const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  return things
    .map((thing) => ({ thing, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ thing }) => thing);
}

test('the same history, in order or shuffled, doubled and by many clients, gives the same rows and the true revenue', async () => {
  const historyOf = (name: string): DemoLine[] => [
    ...generateHistory({
      seed: 7,
      tenant: name,
      from: new Date('2026-03-01T00:00:00Z'),
      to: new Date('2026-03-03T00:00:00Z'),
      conversationsPerDay: 120,
    }),
  ];
  const lines = historyOf('roaster');
  const events = lines.map((line) => parseLine(JSON.stringify(line), { defaultCurrency: 'USD' }).event);
  const ordered = await tenant('ordered');
  const disordered = await tenant('disordered');
  const outcomes = await record(ordered, events, 1000);
  expect(new Set(outcomes)).toEqual(new Set([EventOutcome.ACCEPTED]));

  const twice = shuffled([...events, ...events], 7);
  const shares = Array.from({ length: 8 }, (_, client) =>
    twice.filter((_event, index) => index % 8 === client),
  );
  const all = (await Promise.all(shares.map((share) => record(disordered, share, 97)))).flat();
  expect(all.filter((outcome) => outcome === EventOutcome.ACCEPTED)).toHaveLength(events.length);
  expect(all.filter((outcome) => outcome === EventOutcome.DUPLICATE)).toHaveLength(events.length);

  const said: Readonly<Record<string, string>> = {
    interactions:
      'id, "timestamp", group_id, member_id, bot_id, conversation_id, message_text, intent, sentiment, monetization_event, response_text, response_time_ms, error_code, attributes',
    conversions:
      'id, interaction_id, "timestamp", conversion_value, outcome, bot_id, group_id, member_id, intent',
    monetization_events: 'id, interaction_id, conversion_id, revenue_generated, event_details',
    refunds: 'id, conversion_id, value, "timestamp"',
    feedback: 'id, rating, "timestamp", member_id',
    handoffs: 'id, "timestamp", reason, actor',
    members: 'id, user_id, group_id, segments, last_activity, "timestamp"',
    users: 'id, "timestamp", attributes',
  };
  for (const [view, columns] of Object.entries(said)) {
    const rows = await viewOf(view, columns, ordered);
    expect(rows.length, view).toBeGreaterThan(0);
    expect(await viewOf(view, columns, disordered), view).toEqual(rows);
  }

  const found = await intentsByRevenue('ordered');
  const earning = [...found].filter(([, { revenue_events }]) => revenue_events > 0);
  const truth = [...demoRevenueByIntent(lines)].map(
    ([intent, value]) => [`ordered|${intent}`, value] as const,
  );
  expect(new Map(earning)).toEqual(new Map(truth));
});

// Beside the repository, where there are such.
const dialogues = join(import.meta.dirname, '../../../../shared/data');
const dialoguesFile = join(dialogues, 'dialogues-dev.jsonl.gz');

if (existsSync(dialoguesFile)) {
  test('the dialogues give their revenue by intent', { timeout: 120_000 }, async () => {
    const expected: unknown = JSON.parse(readFileSync(join(dialogues, 'dialogues-dev-kpis.json'), 'utf8'));
    const events = new Map<string, EventInit[]>();
    for await (const line of readLines(openFile(dialoguesFile, process.stdin))) {
      const text = 'text' in line ? line.text : '';
      const { event, tenantName = '' } = parseLine(text, { defaultCurrency: 'USD' });
      events.set(tenantName, [...(events.get(tenantName) ?? []), event]);
    }
    for (const [name, own] of events) await record(await tenant(name), own, 1000);
    expect(Object.fromEntries(await intentsByRevenue(...events.keys()))).toEqual(
      typeof expected === 'object' && expected !== null
        ? Reflect.get(expected, 'intents_by_revenue')
        : undefined,
    );
  });
}

test('computed anew from the log, the read model is the same', async () => {
  const steps = await Array.fromAsync(
    service.projections.verify('ingestion.read-model', AbortSignal.timeout(25_000)),
  );
  expect(steps.at(-1)).toMatchObject({ result: { differenceCount: 0 } });
});
