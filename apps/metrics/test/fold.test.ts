import { customerExperienceKpis, engagementKpis, operationalKpis, realTimeKpis } from '@parley/kpi';
import { findTenantFaults, testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event, inOrder, tenantA, tenantB } from './events.ts';
import type { NewEvent } from './events.ts';
import { openMetricsRows } from './metrics-database.ts';

const cluster = await testCluster();
const noon = new Date('2026-03-01T12:00:00Z');
const one = new Date('2026-03-01T13:00:00Z');

function said(id: string, at: string, rest: object = {}, received: object = {}): NewEvent {
  return event({ case: 'interaction', value: { botId: 'sales', ...rest } }, { id, at, ...received });
}

test('five interactions and three conversions give the figures of G1', async () => {
  const metrics = await openMetricsRows(cluster);
  const answered = (responseTimeMs?: bigint) => ({
    responseText: 'Sure.',
    ...(responseTimeMs === undefined ? {} : { responseTimeMs }),
  });
  await metrics.fold(
    inOrder([
      said('i1', '2026-03-01T12:00:00Z', { intent: 'buy', sentiment: 1, ...answered(100n) }),
      said('i2', '2026-03-01T12:10:00Z', { intent: 'escalate', sentiment: 3, ...answered(300n) }),
      said('i3', '2026-03-01T12:20:00Z', { intent: 'fallback' }),
      said('i4', '2026-03-01T12:30:00Z', { intent: 'greet', sentiment: 2, ...answered(0n) }),
      said('i5', '2026-03-01T12:40:00Z', { intent: 'escalation', sentiment: 1, ...answered(200n) }),
      ...([1, 3, 4] as const).map((outcome, index) =>
        event(
          { case: 'conversion', value: { interactionId: 'i1', outcome } },
          { id: `c${index}`, at: '2026-03-01T12:45:00Z' },
        ),
      ),
    ]),
  );

  const state = await metrics.state(noon, one);
  expect(operationalKpis(state)).toMatchObject({
    containmentRate: { value: 0.8 },
    resolutionRate: { value: 0.4 },
    avgHandlingTimeMs: { value: 200 },
    totalConversions: { value: 3 },
    avgResponseLatencyMs: { value: 150 },
  });
  expect(customerExperienceKpis(state).positiveSentimentRate.value).toBe(0.5);
  expect(engagementKpis(state, await metrics.people(noon, one))).toMatchObject({
    completionRate: { value: 0.8 },
    bounceRate: { value: 0.2 },
    totalInteractions: { value: 5 },
  });
  expect(realTimeKpis(state)).toMatchObject({
    conversionRate: { value: 0.2 },
    interactionsPerMinute: { value: 5 / 60 },
  });
});

test('ratings 5, 4, none and 3 give the figures of G2', async () => {
  const metrics = await openMetricsRows(cluster);
  await metrics.fold(
    inOrder(
      [5, 4, undefined, 3].map((rating, index) =>
        event(
          {
            case: 'feedback',
            value: { type: 1, botId: 'sales', ...(rating === undefined ? {} : { rating }) },
          },
          { id: `f${index}`, at: noon },
        ),
      ),
    ),
  );

  const kpis = customerExperienceKpis(await metrics.state(noon, one));
  expect(kpis.avgCsat).toMatchObject({ value: 4, hasData: true });
  expect(kpis.csatTop2Rate).toMatchObject({ value: 2 / 3, hasData: true });
  const before = customerExperienceKpis(await metrics.state(new Date('2026-02-01T00:00:00Z'), noon));
  expect(before.avgCsat).toMatchObject({ value: 0, hasData: false });
});

test('a completion fills in what the interaction lacks, before or after it, and the first one stays', async () => {
  const metrics = await openMetricsRows(cluster);
  const done = (id: string, at: string, value: object) =>
    event({ case: 'completion', value: { interactionId: id, ...value } }, { id, at });
  const [early, first, second, late, again] = inOrder([
    done('early', '2026-03-01T12:00:05Z', { responseText: 'Yes.', responseTimeMs: 700n }),
    said('early', '2026-03-01T12:00:00Z', { responseTimeMs: 100n }),
    said('late', '2026-03-01T12:00:00Z', { responseTimeMs: 100n }),
    done('late', '2026-03-01T12:00:05Z', { responseText: 'Yes.', responseTimeMs: 300n }),
    done('late', '2026-03-01T12:00:09Z', { responseTimeMs: 9_000n }),
  ]);
  for (const step of [early, first, second, late, again])
    await metrics.fold(step === undefined ? [] : [step]);

  expect(await metrics.state(noon, one)).toMatchObject({
    interactionCount: 2,
    withoutResponseCount: 0,
    responseTimeCount: 2,
    responseTimeSumMs: 1_000,
  });
});

test('a conversion counts as unknown until its interaction comes and moves then; what was known before stays as it was', async () => {
  const metrics = await openMetricsRows(cluster);
  const [conversion, rating, interaction] = inOrder([
    event(
      { case: 'conversion', value: { interactionId: 'i1', outcome: 1 } },
      { id: 'c1', at: '2026-03-01T12:05:00Z', receivedAt: '2026-03-01T12:05:01Z' },
    ),
    event(
      { case: 'feedback', value: { interactionId: 'i1', rating: 5 } },
      { id: 'f1', at: '2026-03-01T12:06:00Z', receivedAt: '2026-03-01T12:06:01Z' },
    ),
    said('i1', '2026-03-01T12:00:00Z', { groupId: 'shop' }, { receivedAt: '2026-03-03T08:00:00Z' }),
  ]);
  if (conversion === undefined || rating === undefined || interaction === undefined) throw new Error();
  await metrics.fold([conversion, rating]);
  expect(await metrics.state(noon, one, { botId: 'unknown' })).toMatchObject({
    purchasedCount: 1,
    csatCount: 1,
  });
  expect(await metrics.state(noon, one, { groupId: 'unknown' })).toMatchObject({
    purchasedCount: 1,
    csatCount: 1,
  });

  await metrics.fold([interaction]);
  const counted = { interactionCount: 1, purchasedCount: 1, csatCount: 1 };
  expect(await metrics.state(noon, one)).toMatchObject(counted);
  expect(await metrics.state(noon, one, { botId: 'sales' })).toMatchObject(counted);
  expect(await metrics.state(noon, one, { groupId: 'shop' })).toMatchObject(counted);
  expect(await metrics.state(noon, one, { groupId: 'shop', botId: 'sales' })).toMatchObject(counted);
  expect(await metrics.state(noon, one, { botId: 'unknown' })).toMatchObject({
    purchasedCount: 0,
    csatCount: 0,
  });

  const { rows } = await metrics.worker.query<{ bot_id: string; known_on: string; purchased: bigint }>(
    `select bot_id, known_on, sum(purchased_count)::bigint as purchased from kpi_rollups
      where level = 2 and cube = 1 group by 1, 2 order by known_on, bot_id`,
  );
  expect(rows).toEqual([
    { bot_id: 'unknown', known_on: '2026-03-01', purchased: 1n },
    { bot_id: 'sales', known_on: '2026-03-03', purchased: 1n },
    { bot_id: 'unknown', known_on: '2026-03-03', purchased: -1n },
  ]);
});

test('what the conversion itself says about its bot wins over its interaction', async () => {
  const metrics = await openMetricsRows(cluster);
  await metrics.fold(
    inOrder([
      said('i1', '2026-03-01T12:00:00Z'),
      event(
        { case: 'conversion', value: { interactionId: 'i1', outcome: 2, botId: 'checkout' } },
        { id: 'c1', at: '2026-03-01T12:05:00Z' },
      ),
    ]),
  );

  expect(await metrics.state(noon, one, { botId: 'checkout' })).toMatchObject({ visitedCount: 1 });
  expect(await metrics.state(noon, one, { botId: 'sales' })).toMatchObject({ visitedCount: 0 });
});

test('an enrichment fills in what the caller did not give, before or after, and changes nothing else', async () => {
  const metrics = await openMetricsRows(cluster);
  const read = (id: string) =>
    event(
      {
        case: 'enrichment',
        value: { interactionId: id, understanding: { intent: 'escalate', sentiment: 3 } },
      },
      { id: `read ${id}`, at: '2026-03-01T12:00:01Z' },
    );
  for (const step of inOrder([
    said('silent', '2026-03-01T12:00:00Z'),
    read('silent'),
    read('first'),
    said('first', '2026-03-01T12:00:00Z'),
    said('given', '2026-03-01T12:00:00Z', { intent: 'buy', sentiment: 1 }),
    read('given'),
  ])) {
    await metrics.fold([step]);
  }

  expect(await metrics.state(noon, one)).toMatchObject({
    interactionCount: 3,
    escalatedCount: 2,
    negativeCount: 2,
    positiveCount: 1,
  });
});

test('members and users are counted once, linked by the record that occurred last', async () => {
  const metrics = await openMetricsRows(cluster);
  const member = (id: string, at: string, memberId: string, userId: string) =>
    event({ case: 'member', value: { memberId, userId } }, { id, at });
  await metrics.fold(
    inOrder([
      said('i1', '2026-03-01T12:00:00Z', { memberId: 'ann' }),
      said('i2', '2026-03-01T12:50:00Z', { memberId: 'ann' }),
      said('i3', '2026-03-01T12:20:00Z', { memberId: 'bob', botId: 'help', groupId: 'shop' }),
      said('i4', '2026-03-01T12:20:00Z', { memberId: 'cyd' }),
      said('i5', '2026-03-01T12:20:00Z'),
      member('m1', '2026-03-02T00:00:00Z', 'ann', 'user-1'),
      member('m2', '2026-03-01T00:00:00Z', 'ann', 'user-9'),
      member('m3', '2026-03-01T00:00:00Z', 'bob', 'user-1'),
      event({ case: 'user', value: { userId: 'user-1' } }, { id: 'u1', at: '2026-02-01T00:00:00Z' }),
      event({ case: 'user', value: { userId: 'user-2' } }, { id: 'u2', at: '2026-02-01T00:00:00Z' }),
      event({ case: 'user', value: { userId: 'user-3' } }, { id: 'u3', at: '2026-04-01T00:00:00Z' }),
      event({ case: 'user', value: { userId: 'user-1' } }, { id: 'u4', at: '2026-05-01T00:00:00Z' }),
    ]),
  );

  expect(await metrics.people(noon, one)).toEqual({ activeMembers: 3, activeUsers: 1, users: 2 });
  expect(await metrics.people(noon, new Date('2026-03-01T12:31:07Z'))).toMatchObject({ activeMembers: 3 });
  expect(await metrics.people(noon, new Date('2026-03-01T12:15:00Z'))).toMatchObject({ activeMembers: 1 });
  expect(await metrics.people(noon, one, { botId: 'help' })).toMatchObject({
    activeMembers: 1,
    activeUsers: 1,
  });
  expect(await metrics.people(noon, one, { groupId: 'shop' })).toMatchObject({ activeMembers: 1 });
});

test('the same ids in two tenants never meet', async () => {
  const metrics = await openMetricsRows(cluster);
  const of = (tenantId: string) => [
    said('i1', '2026-03-01T12:00:00Z', { memberId: 'ann', groupId: 'shop' }, { tenantId }),
    event(
      { case: 'conversion', value: { interactionId: 'i1', outcome: 1 } },
      { id: 'c1', at: '2026-03-01T12:05:00Z', tenantId },
    ),
  ];
  await metrics.fold(
    inOrder([...of(tenantA), ...of(tenantB), said('i2', '2026-03-01T12:00:00Z', {}, { tenantId: tenantB })]),
  );

  expect(await metrics.state(noon, one)).toMatchObject({ interactionCount: 1, purchasedCount: 1 });
  expect(await metrics.state(noon, one, { tenantId: tenantB })).toMatchObject({
    interactionCount: 2,
    purchasedCount: 1,
  });
  // A query that forgot to name its tenant, or names another, sees the caller's rows alone.
  for (const table of ['interaction_facts', 'kpi_rollups', 'member_sets', 'member_ordinals']) {
    const tenants = await metrics.app.withTenant(tenantA, (tx) =>
      tx.query<{ tenant_id: string }>(`select distinct tenant_id from ${table}`),
    );
    expect(tenants.rows).toEqual([{ tenant_id: tenantA }]);
    const { rows } = await metrics.app.query(`select * from ${table}`);
    expect(rows).toEqual([]);
  }
});

test('two generations that fold at the same time give a member the same ordinal', async () => {
  const metrics = await openMetricsRows(cluster);
  const events = inOrder(
    Array.from({ length: 200 }, (_, index) =>
      said(`i${index}`, '2026-03-01T12:00:00Z', { memberId: `m${index}` }),
    ),
  );
  await Promise.all([metrics.fold(events, 1), metrics.fold([...events].reverse(), 2)]);

  const { rows } = await metrics.worker.query<{ members: bigint; ordinals: bigint; highest: number }>(
    `select count(*) as members, count(distinct ordinal) as ordinals, max(ordinal) as highest from member_ordinals`,
  );
  expect(rows).toEqual([{ members: 200n, ordinals: 200n, highest: 199 }]);
  const { rows: differences } = await metrics.worker.query(
    `select interaction_key, member_ordinal from interaction_facts where generation = 1
     except select interaction_key, member_ordinal from interaction_facts where generation = 2`,
  );
  expect(differences).toEqual([]);
});

test('an event whose body is gone or of another kind', async () => {
  const metrics = await openMetricsRows(cluster);
  const [whole] = inOrder([said('i1', '2026-03-01T12:00:00Z')]);
  if (whole === undefined) throw new Error();
  await metrics.fold([{ ...whole, body: undefined }]);
  expect(await metrics.state(noon, one)).toMatchObject({ interactionCount: 0 });
  await expect(metrics.fold([{ ...whole, kind: 3 }])).rejects.toThrow(
    /is of kind 3, its body says interaction/,
  );
  await expect(metrics.fold([{ ...whole, body: new Uint8Array([255]) }])).rejects.toThrow();
});

test("the schema keeps the rules for tenants' tables", async () => {
  const { adminUrl } = await openMetricsRows(cluster);
  expect(await findTenantFaults({ adminUrl, schema: 'metrics' })).toEqual([]);
});
