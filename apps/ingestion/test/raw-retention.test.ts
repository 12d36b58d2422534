import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { FeedbackType, Outcome, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { DataClass } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { sleep } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '@parley/database';
import { ensureMonths } from '../src/event-log/months.ts';
import { readModelName } from '../src/read-model/read-model-projection.ts';
import { dropExpiredMonths } from '../src/use-cases/drop-expired-months.ts';
import { keepRetention } from '../src/use-cases/keep-retention.ts';
import type { RetentionDependencies } from '../src/use-cases/keep-retention.ts';
import { refusalOf } from './refusals.ts';
import { logger, startService } from './service-fixture.ts';
import type { TestService, TestTenant } from './service-fixture.ts';

const dayMs = 24 * 3_600_000;
const cluster = await testCluster();
const never = new AbortController().signal;
const { RAW, CONTENT } = DataClass;

type Event = MessageInitShape<typeof EventSchema>;

const daysAgo = (days: number) => new Date(Date.now() - days * dayMs);
/** The same, on the whole day. */
const dayAgo = (days: number) => new Date(Math.floor(daysAgo(days).getTime() / dayMs) * dayMs);

/** What happened on a day so long ago. */
const talk = (id: string, days: number): readonly Event[] => {
  const occurredAt = timestampFromDate(daysAgo(days));
  const own = { occurredAt };
  return [
    {
      ...own,
      eventId: `i-${id}`,
      payload: {
        case: 'interaction',
        value: {
          botId: 'b',
          memberId: `m-${id}`,
          intent: 'buy',
          sentiment: Sentiment.NEUTRAL,
          messageText: `secret ${id}`,
        },
      },
    },
    {
      ...own,
      payload: { case: 'completion', value: { interactionId: `i-${id}`, responseText: `secret ${id}` } },
    },
    {
      ...own,
      eventId: `c-${id}`,
      payload: {
        case: 'conversion',
        value: {
          interactionId: `i-${id}`,
          outcome: Outcome.PURCHASED,
          value: { currencyCode: 'EUR', minorUnits: 500n },
        },
      },
    },
    {
      ...own,
      eventId: `f-${id}`,
      payload: { case: 'feedback', value: { type: FeedbackType.CSAT, rating: 4, comment: `secret ${id}` } },
    },
    {
      ...own,
      eventId: `m-${id}`,
      payload: { case: 'member', value: { memberId: 'ada', userId: 'u', segments: [id] } },
    },
  ];
};
const eventsOfTalk = 5;

/** Lets everything that is in the log have been received so many days earlier than it was. */
async function age({ admin, projections, eventLog }: TestService, days: number): Promise<void> {
  const heads = await eventLog.heads(never);
  const isFolded = async () => {
    const [status] = await projections.list();
    return status?.partitions.every(({ partition, position }) => position >= (heads.get(partition) ?? 0n));
  };
  await expect.poll(isFolded, { timeout: 20_000 }).toBe(true);
  // What was committed in the last five seconds is read from memory.
  await sleep(5_200);
  for (const [table, column] of [
    ['events', 'received_at'],
    ['partition_heads', 'last_received_at'],
    ...['interaction', 'completion', 'conversion', 'feedback'].map((kind) => [`${kind}_rows`, 'received_at']),
    ['member_rows', 'record_received_at'],
  ]) {
    await admin.query(`update ingestion.${table} set ${column} = ${column} - make_interval(days => $1)`, [
      days,
    ]);
  }
}

async function record({ clients }: TestTenant, events: readonly Event[]): Promise<void> {
  const { results, position } = await clients.ingestion.recordEvents({ events: [...events] });
  await clients.ingestion.listInteractions({ minPosition: position });
  expect(results.map(({ outcome, reason }) => [outcome, reason])).toEqual(
    events.map(() => [EventOutcome.ACCEPTED, '']),
  );
}

const limit = ({ clients }: TestTenant, days: number, dataClass: DataClass = RAW) =>
  clients.privacy.updatePrivacySettings({
    settings: { retentions: days === 0 ? [] : [{ dataClass, days }] },
    updateMask: { paths: ['retentions'] },
  });

const keep = ({ admin }: TestService, options: Partial<RetentionDependencies> = {}) =>
  keepRetention({
    worker: admin,
    append: admin,
    now: () => new Date(),
    newId: randomUUID,
    signal: never,
    patienceMs: 40_000,
    ...options,
  });

async function differenceCount({ projections }: TestService): Promise<number | undefined> {
  const steps = await Array.fromAsync(projections.verify(readModelName, never));
  return steps.at(-1)?.result?.differenceCount;
}

/** Bodies in the log, and rows of what happened in the read model. */
async function left({ admin }: TestService, { tenant }: TestTenant): Promise<readonly number[]> {
  const { rows } = await admin.query<{ bodies: number; rows: number; members: number }>(
    `select (select count(*)::int from ingestion.events where tenant_id = $1 and body is not null) as bodies,
            (select count(*)::int from ingestion.interactions where tenant_id = $1)
              + (select count(*)::int from ingestion.conversions where tenant_id = $1)
              + (select count(*)::int from ingestion.feedback where tenant_id = $1) as rows,
            (select count(*)::int from ingestion.members where tenant_id = $1) as members`,
    [tenant.tenantId],
  );
  const [row] = rows;
  return [row?.bodies ?? -1, row?.rows ?? -1, row?.members ?? -1];
}

/** A service with two tenants that live in one partition. */
async function setUp() {
  const service = await startService(cluster);
  const partitionOf = async ({ tenant }: TestTenant): Promise<number | undefined> => {
    const { rows } = await service.admin.query<{ partition: number }>(
      'select partition from ingestion.tenants where tenant_id = $1',
      [tenant.tenantId],
    );
    return rows[0]?.partition;
  };
  const own = await service.tenant();
  const partition = await partitionOf(own);
  for (;;) {
    const other = await service.tenant();
    if ((await partitionOf(other)) === partition) return { service, own, other, partition: partition ?? -1 };
  }
}

test('expired events leave the log and the read model, to the row as the preview said; nobody else loses any', async () => {
  const { service, own, other } = await setUp();
  for (const [id, days] of [
    ['1', 40],
    ['2', 20],
  ] as const) {
    await record(own, talk(id, days));
    await record(other, talk(id, days));
    await age(service, 20);
  }
  await record(own, talk('3', 0));
  expect(await left(service, own)).toEqual([15, 9, 4]);
  await limit(own, 30);
  const preview = await own.clients.privacy.previewRetention({});
  expect(preview.counts.map(({ dataClass, rowCount }) => [dataClass, rowCount])).toEqual([
    [RAW, BigInt(eventsOfTalk)],
  ]);
  await keep(service);
  const { runs } = await own.clients.privacy.listRetentionRuns({});
  expect(runs.map(({ counts }) => counts)).toEqual([preview.counts]);
  expect(runs[0]?.completedAt).toBeDefined();

  // The member who was only seen in what is gone is gone; what was recorded last of ada stays.
  expect(await left(service, own)).toEqual([10, 6, 3]);
  expect(await left(service, other)).toEqual([10, 6, 3]);
  expect(await refusalOf(own.clients.ingestion.getInteraction({ interactionId: 'i-1' }))).toMatchObject({
    code: 'NotFound',
  });
  expect(await differenceCount(service)).toBe(0);
  await Array.fromAsync(service.projections.rebuild(readModelName, never));
  expect(await left(service, own)).toEqual([10, 6, 3]);
  // Whoever is only recorded by what is gone, may read it all the same.
  await limit(other, 30);
  await keep(service);
  await age(service, 30);
  await keep(service);
  const decoder = new TextDecoder();
  let file = '';
  for await (const { lines } of other.clients.privacy.exportMember({ memberId: 'ada' }))
    file += decoder.decode(lines);
  expect(file.split('\n')).toHaveLength(2);
  expect(JSON.parse(file)).toMatchObject({ kind: 'member', content: { user_id: 'u', segments: ['2'] } });
  expect(await differenceCount(service)).toBe(0);
  expect((await own.clients.privacy.previewRetention({})).counts.map(({ rowCount }) => rowCount)).toEqual([
    0n,
  ]);
}, 120_000);

test('what occurred before is too old from then on, also when the limit is lengthened or lifted', async () => {
  const { service, own, other } = await setUp();
  await record(own, talk('1', 40));
  await age(service, 40);
  await limit(own, 30);
  await keep(service);
  const bound = dayAgo(30);
  const late: Event = {
    eventId: 'late',
    occurredAt: timestampFromDate(new Date(bound.getTime() - 1)),
    payload: { case: 'interaction', value: { botId: 'b' } },
  };
  const isTooOld = async () => {
    const { results } = await own.clients.ingestion.recordEvents({ events: [late, ...talk('in time', 29)] });
    expect(results.map(({ outcome }) => outcome)).toEqual([
      EventOutcome.REJECTED,
      ...talk('', 0).map(() => expect.toSatisfy((outcome) => outcome !== EventOutcome.REJECTED)),
    ]);
    expect(results[0]).toMatchObject({
      reason: 'TOO_OLD',
      quarantineId: '',
      fieldViolations: [{ field: 'occurred_at', description: `must not be before ${bound.toISOString()}` }],
    });
  };
  await isTooOld();
  await limit(own, 60);
  await keep(service);
  await isTooOld();
  await limit(own, 0);
  await keep(service);
  await isTooOld();

  const refused = await refusalOf(
    own.clients.ingestion.recordInteraction({
      eventId: 'late',
      ...(late.occurredAt && { occurredAt: late.occurredAt }),
      interaction: { botId: 'b' },
    }),
  );
  expect(refused).toMatchObject({ code: 'InvalidArgument', reason: 'TOO_OLD' });
  expect(JSON.stringify(refused)).toContain(bound.toISOString());
  // A repeat of what is still known by its key is one; nothing of it is kept again.
  const [interaction] = talk('1', 40);
  const repeated = await own.clients.ingestion.recordEvents({ events: interaction ? [interaction] : [] });
  expect(repeated.results.map(({ outcome }) => outcome)).toEqual([EventOutcome.DUPLICATE]);
  await record(other, [late]);
}, 120_000);

test('a run that is killed anywhere goes on as the same run, and counts each event once', async () => {
  const { service, own } = await setUp();
  const many = Array.from({ length: 2_500 }, (_, n): Event => ({
    eventId: `many-${n}`,
    payload: { case: 'interaction', value: { botId: 'b' } },
  }));
  for (let n = 0; n < many.length; n += 500) await record(own, many.slice(n, n + 500));
  await age(service, 40);
  await limit(own, 30);
  for (let steps = 1; ; steps += 1) {
    let reached = 0;
    const killed = keep(service, {
      reach: () => {
        reached += 1;
        if (reached > steps % 3) throw new Error('killed');
      },
    });
    if (
      (await killed.then(
        () => 'over',
        () => 'killed',
      )) === 'over'
    )
      break;
    if (steps > 100) throw new Error('it never ends');
    await sleep(200);
    const { runs } = await own.clients.privacy.listRetentionRuns({});
    if (runs[0]?.completedAt !== undefined) break;
  }
  const { runs } = await own.clients.privacy.listRetentionRuns({});
  expect(runs.map(({ counts }) => counts[0]?.rowCount)).toEqual([2_500n]);
  expect(await left(service, own)).toEqual([0, 0, 0]);
}, 120_000);

test('nothing goes before every reader of the log has confirmed that it has passed it', async () => {
  const { service, own } = await setUp();
  await record(own, talk('1', 40));
  await age(service, 40);
  await limit(own, 30);
  const reader = 'metrics.kpi';
  expect((await service.service.log.listSeals({ reader })).seals).toEqual([]);
  await keep(service, { patienceMs: 1_000 });
  expect(await left(service, own)).toEqual([5, 3, 2]);
  // What is about to go is too old already, so nothing gets in behind it.
  const { results } = await own.clients.ingestion.recordEvents({ events: [...talk('late', 40)].slice(0, 1) });
  expect(results[0]?.reason).toBe('TOO_OLD');
  const { runs } = await own.clients.privacy.listRetentionRuns({});
  expect(runs.map(({ completedAt }) => completedAt)).toEqual([undefined]);

  const { seals } = await service.service.log.listSeals({ reader });
  expect(seals).toMatchObject([{ occurredBefore: timestampFromDate(dayAgo(30)) }]);
  await service.service.log.listSeals({ reader, confirmedNumber: seals[0]?.number ?? 0n });
  await keep(service);
  expect(await left(service, own)).toEqual([0, 0, 1]);
}, 120_000);

test('texts and rows that a rebuild has read before they were removed do not come back by it', async () => {
  const { service, own } = await setUp();
  for (let n = 0; n < 3; n += 1) await record(own, talk(String(n), 40));
  await age(service, 40);
  await limit(own, 30, CONTENT);
  // A fold of the rebuild stands between its reading and its writing while texts are removed.
  const blocker = await openDatabase({
    url: service.adminUrl,
    service: 'ingestion',
    poolSize: 1,
    applicationName: 'blocker',
    statementTimeoutMs: 60_000,
    logger,
  });
  onTestFinished(() => blocker.close());
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: held, resolve: hold } = Promise.withResolvers<void>();
  const blocking = blocker.transaction(async (tx) => {
    await tx.query('lock table ingestion.member_rows in access exclusive mode');
    hold();
    await released;
  });
  await held;
  const rebuilding = Array.fromAsync(service.projections.rebuild(readModelName, never));
  const isWaiting = async () => {
    const { rowCount } = await service.admin.query(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%member_rows%'`,
    );
    return rowCount > 0;
  };
  await expect.poll(isWaiting, { timeout: 20_000 }).toBe(true);
  const keeping = keep(service);
  await new Promise((resolve) => setTimeout(resolve, 500));
  release();
  await blocking;
  await keeping;
  await rebuilding;
  const { rowCount } = await service.admin.query(
    `select from ingestion.interaction_rows where message_text is not null`,
  );
  expect(rowCount).toBe(0);
  expect(await differenceCount(service)).toBe(0);
}, 120_000);

test('a month in which nothing is left of any tenant is dropped, and readers pass over it', async () => {
  const { service, own, other, partition } = await setUp();
  const { admin } = service;
  const owner = admin;
  await ensureMonths(owner, daysAgo(100));
  await record(own, talk('1', 100));
  await record(other, talk('1', 100));
  await age(service, 100);
  // The others came later.
  await admin.query(
    `update ingestion.tenants set created_at = created_at - interval '200 days' where tenant_id = any($1)`,
    [[own.tenant.tenantId, other.tenant.tenantId]],
  );
  await record(own, talk('2', 5));
  await limit(own, 30);
  await keep(service);
  const months = { owner, worker: admin, append: admin, now: () => new Date() };
  // One tenant keeps its events without limit.
  expect(await dropExpiredMonths(months)).toEqual([]);
  expect(await left(service, other)).toEqual([5, 3, 2]);
  await limit(other, 30);
  await keep(service);
  const name = `events_${daysAgo(100).toISOString().slice(0, 7).replace('-', '_')}`;
  // Readers have to pass also what is nobody's.
  await expect.poll(() => dropExpiredMonths(months), { timeout: 20_000 }).toContain(name);
  expect((await admin.query(`select from pg_class where relname = $1`, [name])).rowCount).toBe(0);

  expect(await differenceCount(service)).toBe(0);
  await Array.fromAsync(service.projections.rebuild(readModelName, never));
  expect(await left(service, own)).toEqual([5, 3, 2]);
  for await (const { events } of service.eventLog.tail({
    partition,
    afterOffset: 0n,
    maxBatchSize: 100,
    signal: AbortSignal.timeout(10_000),
  })) {
    expect(events[0]?.offset).toBeGreaterThan(10n);
    break;
  }
  await record(own, talk('3', 1));
  // What is gone with its month is not known any more, and too old.
  const { results } = await own.clients.ingestion.recordEvents({ events: talk('1', 100).slice(0, 1) });
  expect(results[0]?.reason).toBe('TOO_OLD');
}, 120_000);
