import { randomUUID } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { ConsentScope, FeedbackType, Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { EventResult } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { ContentMode } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import type { ErasureReceipt } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import type { Database } from '@parley/database';
import { sleep } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';
import type { TestService, TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const shared = await startService(cluster, { atEnd: afterAll });

type Event = MessageInitShape<typeof EventSchema>;
const { ACCEPTED, DUPLICATE, REJECTED } = EventOutcome;
const completeMs = 100_000;

/** Everything that there can be about a member: its events, what refers to them, and what could not be accepted. */
const life = (memberId: string, id: string, said = `${id} said`): readonly Event[] => [
  {
    eventId: `i-${id}`,
    occurredAt: timestampFromDate(new Date()),
    payload: {
      case: 'interaction',
      value: {
        botId: 'b',
        memberId,
        conversationId: 'k',
        messageText: said,
        responseText: `at once: ${said}`,
        attributes: { note: said },
      },
    },
  },
  { payload: { case: 'completion', value: { interactionId: `i-${id}`, responseText: `answer: ${said}` } } },
  {
    eventId: `c-${id}`,
    payload: {
      case: 'conversion',
      value: {
        interactionId: `i-${id}`,
        outcome: Outcome.PURCHASED,
        triggerMessage: `trigger: ${said}`,
        value: { currencyCode: 'EUR', minorUnits: 5n },
      },
    },
  },
  {
    eventId: `r-${id}`,
    payload: {
      case: 'refund',
      value: {
        conversionId: `c-${id}`,
        reason: `refund: ${said}`,
        value: { currencyCode: 'EUR', minorUnits: 5n },
      },
    },
  },
  {
    eventId: `f-${id}`,
    payload: {
      case: 'feedback',
      value: { type: FeedbackType.CSAT, rating: 5, interactionId: `i-${id}`, comment: `liked: ${said}` },
    },
  },
  {
    eventId: `h-${id}`,
    payload: { case: 'handoff', value: { conversationId: 'k', memberId, reason: `to a person: ${said}` } },
  },
  { eventId: `m1-${id}`, payload: { case: 'member', value: { memberId, userId: `user of ${id}` } } },
  { eventId: `m2-${id}`, payload: { case: 'member', value: { memberId, segments: [said] } } },
  { eventId: `u-${id}`, payload: { case: 'user', value: { userId: `user of ${id}`, attributes: { said } } } },
  {
    eventId: `e1-${id}`,
    payload: { case: 'exposure', value: { experimentId: 'e', variantKey: 'v', unitId: memberId } },
  },
  {
    eventId: `e2-${id}`,
    payload: {
      case: 'exposure',
      value: { experimentId: 'e', variantKey: 'v', unitId: 'a group', interactionId: `i-${id}` },
    },
  },
];
/** What can't be accepted: without a bot; with a rating outside the scale; a conflict. */
const rejected = (memberId: string, id: string, said: string): readonly Event[] => [
  { eventId: `q1-${id}`, payload: { case: 'interaction', value: { memberId, messageText: said } } },
  {
    eventId: `q2-${id}`,
    payload: {
      case: 'feedback',
      value: { type: FeedbackType.CSAT, rating: 99, interactionId: `i-${id}`, comment: said },
    },
  },
  {
    eventId: `i-${id}`,
    payload: { case: 'interaction', value: { botId: 'b', messageText: `other: ${said}` } },
  },
];

async function record({ clients }: TestTenant, events: readonly Event[]): Promise<readonly EventResult[]> {
  const { results, position } = await clients.ingestion.recordEvents({ events: [...events] });
  if (position !== '') await clients.ingestion.listInteractions({ minPosition: position });
  return results;
}
const outcomes = (results: readonly EventResult[]) => results.map(({ outcome }) => outcome);

async function completed({ clients }: TestTenant, memberId: string): Promise<ErasureReceipt> {
  const until = performance.now() + completeMs;
  for (;;) {
    const { receipt } = await clients.privacy.eraseMember({ memberId });
    if (receipt?.completedAt !== undefined) return receipt;
    if (performance.now() > until)
      throw new Error(`Not complete: ${JSON.stringify(receipt?.pendingServices)}`);
    await sleep(100);
  }
}

/**
 * The tables of all schemas in which any of these texts stands in any column of any row, in the planner's statistics too.
 * Bytes are read as text and as the bytes of UUIDs that they may hold.
 */
async function placesOf(admin: Database, texts: readonly string[]): Promise<readonly string[]> {
  const { rows: columns } = await admin.query<{ place: string; column_name: string; data_type: string }>(
    `select format('%I.%I', n.nspname, c.relname) as place, quote_ident(a.attname) as column_name,
            format_type(a.atttypid, a.atttypmod) as data_type
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relkind in ('r', 'm') and (n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         or n.nspname = 'pg_catalog' and c.relname = 'pg_statistic')`,
  );
  const found = new Set<string>();
  for (const { place, column_name: column, data_type: type } of columns) {
    const value = type === 'bytea' ? `encode(${column}, 'escape')` : `${column}::text`;
    const { rowCount } = await admin.query(
      `select from ${place} where exists (select from unnest($1::text[]) t where position(t in ${value}) > 0) limit 1`,
      [texts],
    );
    if (rowCount > 0) found.add(place);
  }
  return [...found].sort();
}

async function differences({ projections }: TestService): Promise<number> {
  for await (const { result } of projections.verify('ingestion.read-model', AbortSignal.timeout(60_000))) {
    if (result !== undefined) return result.differenceCount;
  }
  throw new Error('The verification did not end.');
}

async function lastOf<Step>(steps: AsyncIterable<Step>): Promise<Step | undefined> {
  let last: Step | undefined;
  for await (const step of steps) last = step;
  return last;
}

async function exportedLines({ clients }: TestTenant, memberId: string): Promise<readonly string[]> {
  let file = '';
  for await (const { lines } of clients.privacy.exportMember({ memberId })) {
    file += Buffer.from(lines).toString();
  }
  return file.split('\n').filter((line) => line !== '');
}

test('nothing of an erased member is left in any table, and everything of anybody else is', async () => {
  const service = await startService(cluster);
  const { admin } = service;
  const [own, other] = [await service.tenant(), await service.tenant()];
  const ada = `ada-${randomUUID()}`;
  const words = `words-${randomUUID()}`;
  expect(new Set(outcomes(await record(own, [...life(ada, 'A', words), ...life('bob', 'B')])))).toEqual(
    new Set([ACCEPTED]),
  );
  await record(own, rejected(ada, 'A', words));
  await record(own, rejected('bob', 'B', 'said by bob'));
  // Bytes that are no event, as they come where the edge lets them through.
  await admin.query(
    `insert into ingestion.quarantined_events
       (partition, tenant_id, quarantine_id, received_at, event_id, reason, message, field_violations, body,
        content_hash)
     select partition, tenant_id, $2, now(), 'q3', 'MALFORMED', 'unreadable', '[]', $3, $2
       from ingestion.tenants where tenant_id = $1`,
    [
      own.tenant.tenantId,
      randomUUID(),
      Buffer.concat([Buffer.from([255, ada.length]), Buffer.from(ada), Buffer.from(words)]),
    ],
  );
  await own.clients.privacy.setConsent({ scope: ConsentScope.MEMBER, subjectId: ada, allowed: false });
  await own.clients.privacy.setConsent({ scope: ConsentScope.MEMBER, subjectId: ada, allowed: true });
  await record(other, life(ada, 'C', 'of another tenant'));
  // Reads that name the member, one of its interactions, and neither.
  await own.clients.ingestion.listInteractions({ memberId: ada });
  await own.clients.ingestion.getInteraction({ interactionId: 'i-A' });
  await own.clients.ingestion.getInteraction({ interactionId: 'i-B' });
  await exportedLines(own, ada);
  // As autovacuum does, so that what the planner samples is searched too.
  await admin.query('analyze');
  expect(await differences(service)).toBe(0);
  const before = await exportedLines(own, 'bob');
  expect((await exportedLines(own, ada)).length).toBeGreaterThan(12);

  const receipt = await completed(own, ada);

  await admin.query('analyze');
  expect(await placesOf(admin, [words, 'user of A'])).toEqual([]);
  const { rows: left } = await admin.query<{ tenant_id: string }>(
    `select distinct tenant_id from ingestion.events where position($1 in encode(body, 'escape')) > 0`,
    [ada],
  );
  expect(left).toEqual([{ tenant_id: other.tenant.tenantId }]);
  const places = new Map(
    receipt.erased.map(({ service: name, place, ...rows }) => [`${name} ${place}`, rows]),
  );
  // Texts that were read in time on their way in have no reading of their own.
  const counted = [...places].filter(([place]) => place !== 'ingestion enrichment_rows');
  expect(
    Object.fromEntries(counted.map(([place, { rowCountBefore }]) => [place, Number(rowCountBefore)])),
  ).toEqual({
    'ingestion completion_rows': 1,
    'ingestion conversion_rows': 1,
    'ingestion events': expect.any(Number) as number,
    'ingestion feedback_rows': 1,
    'ingestion handoff_rows': 1,
    'ingestion interaction_rows': 1,
    'ingestion member_rows': 1,
    'ingestion quarantined_events': 4,
    'ingestion reference_rows': expect.any(Number) as number,
    'ingestion refund_rows': 1,
    'ingestion text_reads': 4,
    'ingestion user_rows': 1,
  });
  for (const { rowCountAfter } of places.values()) expect(rowCountAfter).toBe(0n);
  expect(receipt.pendingServices).toEqual([]);
  expect(Number(places.get('ingestion events')?.rowCountBefore)).toBeGreaterThanOrEqual(13);

  expect(await refusalOf(own.clients.ingestion.getInteraction({ interactionId: 'i-A' }))).toMatchObject({
    code: 'NotFound',
  });
  expect((await own.clients.ingestion.listInteractions({ memberId: ada })).interactions).toEqual([]);
  expect(await exportedLines(own, ada)).toEqual([]);
  expect(await exportedLines(own, 'bob')).toEqual(before);
  expect((await own.clients.quarantine.listQuarantinedEvents({})).quarantinedEvents).toHaveLength(3);
  expect((await other.clients.ingestion.listInteractions({ memberId: ada })).interactions).toHaveLength(1);
  expect(await exportedLines(other, ada)).toHaveLength(11);
  expect(await differences(service)).toBe(0);
  await lastOf(service.projections.rebuild('ingestion.read-model', AbortSignal.timeout(60_000)));
  expect(await exportedLines(own, ada)).toEqual([]);
  expect(await exportedLines(own, 'bob')).toEqual(before);
  expect(await placesOf(admin, [words, 'user of A'])).toEqual([]);
}, 120_000);

test('what comes later is refused and kept nowhere, and a repeat is still known as one', async () => {
  const own = await shared.tenant();
  await record(own, [...life('ada', 'A'), ...life('bob', 'B')]);
  const receipt = await completed(own, 'ada');
  const secret = `late-${randomUUID()}`;
  const late: readonly Event[] = [
    ...life('ada', 'L', secret).filter(({ payload }) => payload?.case !== 'user'),
    ...rejected('ada', 'L', secret).slice(0, 2),
    // Which say nothing of the member: its interaction, its conversion and its user tell.
    { eventId: 'f2', payload: { case: 'feedback', value: { interactionId: 'i-A', comment: secret } } },
    {
      eventId: 'r2',
      payload: {
        case: 'refund',
        value: { conversionId: 'c-A', reason: secret, value: { currencyCode: 'EUR', minorUnits: 1n } },
      },
    },
    { eventId: 'u2', payload: { case: 'user', value: { userId: 'user of A', attributes: { secret } } } },
  ];
  for (const { outcome, reason } of await record(own, late)) {
    expect({ outcome, reason }).toEqual({ outcome: REJECTED, reason: 'MEMBER_ERASED' });
  }
  expect(new Set(outcomes(await record(own, life('ada', 'A', 'whatever it says now'))))).toEqual(
    new Set([DUPLICATE]),
  );
  expect(await placesOf(shared.admin, [secret, 'whatever it says now'])).toEqual([]);
  expect(
    await refusalOf(
      own.clients.ingestion.recordInteraction({
        eventId: 'i9',
        interaction: { botId: 'b', memberId: 'ada' },
      }),
    ),
  ).toMatchObject({ code: 'FailedPrecondition', reason: 'MEMBER_ERASED' });
  // It does not count as consent that is missing.
  expect(
    (await own.clients.privacy.getConsent({ scope: ConsentScope.MEMBER, subjectId: 'ada' })).refusedCount,
  ).toBe(0n);
  expect(await completed(own, 'ada')).toEqual(receipt);
  expect(outcomes(await record(own, [...life('bob', 'B2')])).every((outcome) => outcome === ACCEPTED)).toBe(
    true,
  );
});

test('of one whom nobody knows the receipt says that there was nothing', async () => {
  const own = await shared.tenant();
  const { completedAt, requestedAt, ...receipt } = await completed(own, 'never seen');
  expect([completedAt, requestedAt]).not.toContain(undefined);
  expect(receipt).toMatchObject({ erased: [], pendingServices: [] });
  const found = await own.clients.privacy.getErasure({ receiptId: receipt.receiptId });
  expect(found.receipt?.receiptId).toBe(receipt.receiptId);
  const other = await shared.tenant();
  for (const receiptId of [receipt.receiptId, randomUUID(), 'no uuid']) {
    expect(await refusalOf(other.clients.privacy.getErasure({ receiptId }))).toMatchObject({
      code: 'NotFound',
      reason: 'ERASURE_NOT_FOUND',
    });
  }
  expect((await other.clients.privacy.listErasures({})).receipts).toEqual([]);
  expect(await refusalOf(own.clients.privacy.eraseMember({ memberId: 'a\0' }))).toMatchObject({
    code: 'InvalidArgument',
    fields: ['member_id'],
  });
});

test('receipts are listed page by page, the latest first', async () => {
  const own = await shared.tenant();
  const ids: string[] = [];
  for (const memberId of ['a', 'b', 'c', 'd', 'e']) {
    ids.unshift((await own.clients.privacy.eraseMember({ memberId })).receipt?.receiptId ?? '');
  }
  const listed: string[] = [];
  for (let pageToken = ''; ;) {
    const page = await own.clients.privacy.listErasures({ pageSize: 2, pageToken });
    listed.push(...page.receipts.map(({ receiptId }) => receiptId));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  expect(listed).toEqual(ids);
});

test('two who talk in one conversation: one goes, with what refers to it; the other stays', async () => {
  const own = await shared.tenant();
  const said = (id: string, memberId: string): Event => ({
    eventId: id,
    payload: {
      case: 'interaction',
      value: { botId: 'b', memberId, conversationId: 'both', messageText: `${memberId} says ${id}` },
    },
  });
  await record(own, [said('1', 'ada'), said('2', 'bob'), said('3', 'ada'), said('4', 'bob')]);
  await completed(own, 'ada');
  const { interactions } = await own.clients.ingestion.listInteractions({ conversationId: 'both' });
  expect(interactions.map(({ interaction }) => interaction?.messageText).sort()).toEqual([
    'bob says 2',
    'bob says 4',
  ]);
});

test('a user that two members are stays when one of them goes', async () => {
  const own = await shared.tenant();
  const member = (id: string, memberId: string): Event => ({
    eventId: id,
    payload: { case: 'member', value: { memberId, userId: 'u' } },
  });
  const user: Event = { eventId: 'u', payload: { case: 'user', value: { userId: 'u' } } };
  await record(own, [member('m1', 'ada'), member('m2', 'ada at work'), user]);
  await completed(own, 'ada');
  const rows = (table: string) =>
    shared.admin.query(`select from ingestion.${table} where tenant_id = $1`, [own.tenant.tenantId]);
  expect([(await rows('member_rows')).rowCount, (await rows('user_rows')).rowCount]).toEqual([1, 1]);
  await completed(own, 'ada at work');
  expect([(await rows('member_rows')).rowCount, (await rows('user_rows')).rowCount]).toEqual([0, 0]);
});

test('while it is under way it can’t be lifted; after it an opt-in lets the member be stored anew', async () => {
  const service = await startService(cluster, { erasureServices: ['metrics'] });
  const own = await service.tenant();
  const { privacy } = own.clients;
  const ada = `ada-${randomUUID()}`;
  const consent = { scope: ConsentScope.MEMBER, subjectId: ada };
  await record(own, life(ada, 'A'));
  await privacy.eraseMember({ memberId: ada });
  expect(await refusalOf(privacy.setConsent({ ...consent, allowed: true }))).toMatchObject({
    code: 'FailedPrecondition',
    reason: 'ERASURE_RUNNING',
  });
  // A no is taken at any time, and does not bring the id back.
  await privacy.setConsent({ ...consent, allowed: false });

  const { erasure } = service.service;
  for (const logEmptied of [false, true]) {
    await expect
      .poll(async () => (await erasure.listPendingErasures({ service: 'metrics' })).erasures, {
        timeout: 30_000,
      })
      .toEqual([
        expect.objectContaining({ memberIds: expect.arrayContaining([ada]) as string[], logEmptied }),
      ]);
    const [pending] = (await erasure.listPendingErasures({ service: 'metrics' })).erasures;
    const { receipt } = await privacy.eraseMember({ memberId: ada });
    expect(receipt?.completedAt).toBeUndefined();
    expect(receipt?.pendingServices).toEqual(['ingestion', 'metrics']);
    expect(pending?.receiptId).toBe(receipt?.receiptId);
    const rows = { service: 'metrics', place: 'interaction_facts', rowCountBefore: 7n, rowCountAfter: 0n };
    const confirmation = { receiptId: receipt?.receiptId ?? '', service: 'metrics', logEmptied };
    await erasure.confirmErasure({ ...confirmation, erased: [rows, { ...rows, place: 'member_sets' }] });
    // What is said again replaces what was said.
    await erasure.confirmErasure({ ...confirmation, erased: [rows] });
    // One that is late changes nothing of what is confirmed for good.
    if (logEmptied) await erasure.confirmErasure({ ...confirmation, logEmptied: false, erased: [rows] });
  }
  const receipt = await completed(own, ada);
  expect(receipt.erased.filter(({ service: name }) => name === 'metrics')).toEqual([
    expect.objectContaining({ place: 'interaction_facts', rowCountBefore: 7n, rowCountAfter: 0n }),
  ]);
  expect((await erasure.listPendingErasures({ service: 'metrics' })).erasures).toEqual([]);
  expect(
    await refusalOf(erasure.confirmErasure({ receiptId: randomUUID(), service: 'metrics', erased: [] })),
  ).toMatchObject({ code: 'NotFound', reason: 'ERASURE_NOT_FOUND' });
  expect(await placesOf(service.admin, [ada])).toEqual([]);

  await privacy.setConsent({ ...consent, allowed: true });
  expect(await placesOf(service.admin, [ada])).toEqual([]);
  expect(new Set(outcomes(await record(own, life(ada, 'new'))))).toEqual(new Set([ACCEPTED]));
  // What was erased stays erased.
  expect(outcomes(await record(own, [life(ada, 'A')[0] ?? {}]))).toEqual([DUPLICATE]);
  expect((await own.clients.ingestion.listInteractions({ memberId: ada })).interactions).toHaveLength(1);
  const again = await privacy.eraseMember({ memberId: ada });
  expect(again.receipt?.receiptId).not.toBe(receipt.receiptId);
  expect(await differences(service)).toBe(0);
}, 120_000);

test('under pseudonyms, and from before them, a member is found by its id and by its pseudonym', async () => {
  const own = await shared.tenant();
  const ada = `ada-${randomUUID()}`;
  const secret = `secret-${randomUUID()}`;
  await record(own, life(ada, 'full', secret));
  await own.clients.privacy.updatePrivacySettings({ settings: { contentMode: ContentMode.PSEUDONYMOUS } });
  await record(own, life(ada, 'pseudonymous', secret));
  const { interactions } = await own.clients.ingestion.listInteractions({});
  const pseudonym = interactions
    .map(({ interaction }) => interaction?.memberId ?? '')
    .find((id) => id !== ada);
  expect(pseudonym).toMatch(/^p-/);
  await completed(own, ada);
  expect(await placesOf(shared.admin, [ada, secret, pseudonym ?? ''])).toEqual([]);
  // The same member, so the same receipt.
  expect(
    (await own.clients.privacy.eraseMember({ memberId: pseudonym ?? '' })).receipt?.completedAt,
  ).toBeDefined();
});

test('no event gets in behind the answer, however many are on their way, and none is left of those before', async () => {
  const service = await startService(cluster);
  const own = await service.tenant();
  const ada = `ada-${randomUUID()}`;
  const words = `words-${randomUUID()}`;
  let isRunning = true;
  let erasedAt = Infinity;
  const behind: EventResult[] = [];
  const others = new Set<string>();
  let acceptedBefore = 0;
  const senders = Array.from({ length: 4 }, async (_, sender) => {
    for (let n = 0; isRunning; n += 1) {
      const id = `${sender}-${n}`;
      const at = performance.now();
      const { results } = await own.clients.ingestion.recordEvents({
        events: [...life(ada, id, words), ...life('bob', `bob ${id}`)],
      });
      const half = results.length / 2;
      const accepted = results.slice(0, half).filter(({ outcome }) => outcome === ACCEPTED);
      if (at > erasedAt) behind.push(...accepted.filter(({ eventId }) => !eventId.startsWith('u-')));
      else acceptedBefore += accepted.length;
      if (results.slice(half).every(({ outcome }) => outcome === ACCEPTED)) others.add(`bob ${id}`);
    }
  });
  // Until the read model has begun there is nothing to verify.
  const isVerified = () =>
    differences(service).then(
      () => true,
      () => false,
    );
  await expect.poll(isVerified, { timeout: 60_000 }).toBe(true);
  let verified = 0;
  const verifying = (async () => {
    // One after the other, but each would hold up the erasure until it is past it.
    for (; isRunning; await sleep(500)) verified += await differences(service);
  })();
  await own.clients.privacy.eraseMember({ memberId: ada });
  erasedAt = performance.now();
  await completed(own, ada);
  await sleep(300);
  isRunning = false;
  await Promise.all([...senders, verifying]);

  expect(acceptedBefore).toBeGreaterThan(0);
  expect(behind).toEqual([]);
  expect(await placesOf(service.admin, [ada])).toEqual([]);
  expect(verified).toBe(0);
  expect(await differences(service)).toBe(0);
  const { rows } = await service.admin.query<{ n: bigint }>(
    `select count(*) as n from ingestion.interaction_rows r
       join ingestion.projection_generations g using (generation)
      where g.projection = 'ingestion.read-model' and g.state = 'active' and r.tenant_id = $1`,
    [own.tenant.tenantId],
  );
  expect(Number(rows[0]?.n)).toBe(others.size);
}, 240_000);
