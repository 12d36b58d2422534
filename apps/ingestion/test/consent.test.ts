import { randomUUID } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ConsentScope, EventSchema, Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { EventResult } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { ContentMode } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, admin, projections, keyed } = await startService(cluster, { atEnd: afterAll });

type Event = MessageInitShape<typeof EventSchema>;
type Payload = NonNullable<Event['payload']>;
const { MEMBER, GROUP, TENANT } = ConsentScope;
const { ACCEPTED, DUPLICATE, REJECTED, CONFLICT } = EventOutcome;

const event = (eventId: string, payload: Payload): Event => ({
  ...(payload.case === 'completion' ? {} : { eventId }),
  occurredAt: timestampFromDate(new Date()),
  payload,
});
const words = (memberId: string, messageText = `${memberId} says hello`) => ({
  botId: 'b',
  groupId: 'shop',
  memberId,
  messageText,
});
const said = (id: string, memberId: string, text?: string): Event =>
  event(id, { case: 'interaction', value: words(memberId, text) });
/** What comes after an interaction, and says nothing of the member. */
const aftermath = (id: string): readonly Event[] => [
  event(id, { case: 'completion', value: { interactionId: id, responseText: `answer to ${id}` } }),
  event(`c-${id}`, { case: 'conversion', value: { interactionId: id, outcome: Outcome.VISITED } }),
  event(`f-${id}`, { case: 'feedback', value: { interactionId: id, comment: `comment on ${id}` } }),
  event(`h-${id}`, { case: 'handoff', value: { interactionId: id } }),
  event(`e-${id}`, {
    case: 'exposure',
    value: { experimentId: 'x', variantKey: 'a', unitId: 'nobody', interactionId: id },
  }),
  event(`r-${id}`, {
    case: 'refund',
    value: { conversionId: `c-${id}`, value: { minorUnits: 1n, currencyCode: 'USD' } },
  }),
];

async function record({ clients }: TestTenant, events: readonly Event[]): Promise<readonly EventResult[]> {
  const { results, position } = await clients.ingestion.recordEvents({ events: [...events] });
  if (position !== '') await clients.ingestion.listInteractions({ minPosition: position });
  return results;
}
const outcomes = (results: readonly EventResult[]) => results.map(({ outcome }) => outcome);

/** The tables of the schema in which a text stands anywhere in the tenant's rows, be it in bytes. */
async function placesOf({ tenant: { tenantId } }: TestTenant, text: string): Promise<readonly string[]> {
  const { rows: columns } = await admin.query<{ table_name: string; column_name: string; data_type: string }>(
    `select c.table_name, c.column_name, c.data_type
       from information_schema.columns c
       join information_schema.columns t
         on t.table_schema = c.table_schema and t.table_name = c.table_name and t.column_name = 'tenant_id'
       join information_schema.tables b on b.table_schema = c.table_schema and b.table_name = c.table_name
      where c.table_schema = 'ingestion' and b.table_type = 'BASE TABLE'`,
  );
  const found = new Set<string>();
  for (const { table_name: table, column_name: column, data_type: type } of columns) {
    const value = type === 'bytea' ? `encode(${column}, 'escape')` : `${column}::text`;
    const { rowCount } = await admin.query(
      `select from ingestion.${table} where tenant_id = $1 and position($2 in ${value}) > 0 limit 1`,
      [tenantId, text],
    );
    if (rowCount > 0) found.add(table);
  }
  return [...found].sort();
}

async function differences(): Promise<number> {
  for await (const { result } of projections.verify('ingestion.read-model', AbortSignal.timeout(60_000))) {
    if (result !== undefined) return result.differenceCount;
  }
  throw new Error('The verification did not end.');
}

test('what is received after a member has said no is refused, kept nowhere and counted', async () => {
  const own = await tenant();
  expect(outcomes(await record(own, [said('i1', 'ada'), said('i2', 'bob')]))).toEqual([ACCEPTED, ACCEPTED]);

  await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: false });
  const results = await record(own, [
    said('i3', 'ada', 'private words'),
    said('i4', 'bob'),
    said('i1', 'ada'),
  ]);

  expect(outcomes(results)).toEqual([REJECTED, ACCEPTED, DUPLICATE]);
  expect(results[0]).toMatchObject({ eventId: 'i3', reason: 'NO_CONSENT', quarantineId: '' });
  expect(await placesOf(own, 'private words')).toEqual([]);
  const consent = await own.clients.privacy.getConsent({ scope: MEMBER, subjectId: 'ada' });
  expect(consent).toMatchObject({ allowed: false, refusedCount: 1n });
  expect(consent.changedAt).toBeDefined();

  await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: true });
  expect(outcomes(await record(own, [said('i3', 'ada')]))).toEqual([ACCEPTED]);
  expect(await differences()).toBe(0);
});

test('what comes of a refused interaction is refused with it, together or later, and counted as its member’s', async () => {
  const own = await tenant();
  await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: false });

  const together = await record(own, [...aftermath('i1'), said('i1', 'ada')]);
  const apart = [...(await record(own, [said('i2', 'ada')])), ...(await record(own, aftermath('i2')))];
  const late = await record(own, [aftermath('i1')[5]!]);

  for (const { outcome, reason } of [...together, ...apart, ...late]) {
    expect({ outcome, reason }).toEqual({ outcome: REJECTED, reason: 'NO_CONSENT' });
  }
  expect(await placesOf(own, 'answer to')).toEqual([]);
  expect(await placesOf(own, 'comment on')).toEqual([]);
  const { refusedCount } = await own.clients.privacy.getConsent({ scope: MEMBER, subjectId: 'ada' });
  expect(refusedCount).toBe(15n);
});

test('a group’s no holds for everything in it, a tenant’s for everything about anybody', async () => {
  const own = await tenant();
  const metric = (id: string) =>
    event(id, {
      case: 'botPerformanceMetric',
      value: { botId: 'b', metricCategory: 5, metricType: 'latency', metricValue: 1, aggregationPeriod: 1 },
    });
  const elsewhere = event('i9', {
    case: 'interaction',
    value: { botId: 'b', groupId: 'app', memberId: 'ada' },
  });
  await own.clients.privacy.setConsent({ scope: GROUP, subjectId: 'shop', allowed: false });
  expect(outcomes(await record(own, [said('i1', 'ada'), elsewhere]))).toEqual([REJECTED, ACCEPTED]);
  // The member's own yes does not lift it.
  await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: true });
  expect(outcomes(await record(own, [said('i1', 'ada')]))).toEqual([REJECTED]);

  await own.clients.privacy.setConsent({ scope: TENANT, allowed: false });
  const anonymous = event('i3', { case: 'interaction', value: { botId: 'b' } });
  expect(outcomes(await record(own, [anonymous, metric('m1')]))).toEqual([REJECTED, ACCEPTED]);
  expect(await own.clients.privacy.getConsent({ scope: TENANT })).toMatchObject({ refusedCount: 1n });
  await own.clients.privacy.setConsent({ scope: TENANT, allowed: true });
  expect(outcomes(await record(own, [anonymous]))).toEqual([ACCEPTED]);
});

test('one who was refused is told so by a single call, and nothing of another tenant is', async () => {
  const [own, other] = [await tenant(), await tenant()];
  await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: false });
  const single = { eventId: 'i1', interaction: { botId: 'b', memberId: 'ada' } };
  expect(await refusalOf(own.clients.ingestion.recordInteraction(single))).toMatchObject({
    code: 'FailedPrecondition',
    reason: 'NO_CONSENT',
    facts: { event_id: 'i1' },
  });
  expect(await other.clients.ingestion.recordInteraction(single)).toMatchObject({ duplicate: false });
  expect(await other.clients.privacy.getConsent({ scope: MEMBER, subjectId: 'ada' })).toMatchObject({
    allowed: true,
    refusedCount: 0n,
  });
});

test('what breaks a rule is not kept either where consent is missing', async () => {
  const own = await tenant();
  await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: false });
  const [broken, malformed] = await record(own, [
    event('i1', { case: 'interaction', value: { memberId: 'ada', messageText: 'private words' } }),
    event('i2', { case: 'interaction', value: { memberId: 'bob', messageText: 'other words' } }),
  ]);
  expect(broken).toMatchObject({ outcome: REJECTED, reason: 'NO_CONSENT', quarantineId: '' });
  expect(malformed).toMatchObject({ outcome: REJECTED, reason: 'INVALID_FIELDS' });
  expect(await placesOf(own, 'private words')).toEqual([]);
  expect(await placesOf(own, 'other words')).toEqual(['quarantined_events']);
});

test('saying the same again changes nothing, ids are needed where they make sense, and a key with ingest may say it', async () => {
  const own = await tenant();
  const { privacy } = await keyed(own, [1]);
  await privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: false });
  const head = () =>
    admin.query('select head_offset, privacy_version from ingestion.partition_heads where partition = $1', [
      own.tenant.partition,
    ]);
  const before = await head();
  expect((await privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: false })).position).not.toBe(
    '',
  );
  expect((await head()).rows).toEqual(before.rows);
  for (const request of [
    { scope: MEMBER },
    { scope: TENANT, subjectId: 'ada' },
    { scope: GROUP, subjectId: 'a\0' },
  ]) {
    expect(await refusalOf(privacy.setConsent(request))).toMatchObject({
      code: 'InvalidArgument',
      fields: ['subject_id'],
    });
  }
  expect(await refusalOf(privacy.getConsent({ scope: TENANT }))).toMatchObject({ code: 'PermissionDenied' });
});

test('no event gets in behind the answer of a no, however many are on their way', async () => {
  const service = await startService(cluster);
  const own = await service.tenant();
  const sent: { readonly id: string; readonly at: number }[] = [];
  let isRunning = true;
  const accepted = new Set<string>();
  let answeredAt = Infinity;
  const senders = Array.from({ length: 6 }, async (_, sender) => {
    for (let n = 0; isRunning; n += 1) {
      const id = `${sender}-${n}`;
      sent.push({ id, at: performance.now() });
      const { results } = await own.clients.ingestion.recordEvents({
        events: [said(id, 'ada'), said(`o${id}`, 'bob')],
      });
      if (results[0]?.outcome === ACCEPTED) accepted.add(id);
    }
  });
  for (let n = 0; n < 5; n += 1) {
    await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: true });
    await own.clients.privacy.setConsent({ scope: MEMBER, subjectId: 'ada', allowed: false });
  }
  answeredAt = performance.now();
  while (sent.filter(({ at }) => at > answeredAt).length < 50)
    await new Promise((resolve) => setTimeout(resolve, 20));
  isRunning = false;
  await Promise.all(senders);
  expect(sent.filter(({ id, at }) => at > answeredAt && accepted.has(id))).toEqual([]);
  expect(accepted.size).toBeGreaterThan(0);
});

test('with pseudonyms, no member’s or user’s id is kept anywhere, and who knows the id finds the rest by it', async () => {
  const own = await tenant();
  const { privacy, ingestion } = own.clients;
  await privacy.updatePrivacySettings({ settings: { contentMode: ContentMode.PSEUDONYMOUS } });
  expect((await privacy.getPrivacySettings({})).settings?.contentMode).toBe(ContentMode.PSEUDONYMOUS);
  const [id, user] = [`member-${randomUUID()}`, `user-${randomUUID()}`];
  const events = [
    said('i1', id, 'hello there'),
    event('m1', { case: 'member', value: { memberId: id, userId: user } }),
    event('u1', { case: 'user', value: { userId: user } }),
    event('e1', { case: 'exposure', value: { experimentId: 'x', variantKey: 'a', unitId: id } }),
    event('h1', { case: 'handoff', value: { interactionId: 'i1', memberId: id } }),
    event('f1', { case: 'feedback', value: { interactionId: 'i1', memberId: id, rating: 3 } }),
    event('c1', {
      case: 'conversion',
      value: { interactionId: 'i1', memberId: id, outcome: Outcome.VISITED },
    }),
  ];
  expect(new Set(outcomes(await record(own, events)))).toEqual(new Set([ACCEPTED]));
  await privacy.setConsent({ scope: MEMBER, subjectId: id, allowed: false });

  expect(await placesOf(own, id)).toEqual([]);
  expect(await placesOf(own, user)).toEqual([]);
  const { interactions } = await ingestion.listInteractions({ memberId: id });
  expect(interactions).toHaveLength(1);
  expect(interactions[0]?.interaction?.memberId).toMatch(/^p-/);
  expect(interactions[0]?.interaction?.messageText).toBe('hello there');
  // By its pseudonym too, which is what lists show.
  const memberId = interactions[0]?.interaction?.memberId ?? '';
  expect((await ingestion.listInteractions({ memberId })).interactions).toHaveLength(1);
  expect(await privacy.getConsent({ scope: MEMBER, subjectId: memberId })).toMatchObject({ allowed: false });
  expect(outcomes(await record(own, [said('i2', id), said('i3', memberId)]))).toEqual([REJECTED, REJECTED]);
  const lines: string[] = [];
  for await (const chunk of privacy.exportMember({ memberId: id }))
    lines.push(Buffer.from(chunk.lines).toString());
  expect(
    lines
      .join('')
      .split('\n')
      .filter((line) => line !== ''),
  ).toHaveLength(events.length + 1);
  expect(await placesOf(own, id)).toEqual([]);
  expect(await differences()).toBe(0);
});

test('with content off, nothing that was written or answered is kept, and what was read of it is', async () => {
  const own = await tenant();
  await own.clients.privacy.updatePrivacySettings({ settings: { contentMode: ContentMode.OFF } });
  const attributes = { note: 'secret attribute' };
  const value = { interactionId: 'i1', attributes };
  const text = 'secret: I want my money back, this is terrible';
  const results = await record(own, [
    event('i1', {
      case: 'interaction',
      value: { botId: 'b', memberId: 'ada', messageText: text, responseText: 'secret', attributes },
    }),
    event('', { case: 'completion', value: { ...value, responseText: 'secret' } }),
    event('c1', {
      case: 'conversion',
      value: { ...value, outcome: Outcome.VISITED, triggerMessage: 'secret', botMessage: 'secret' },
    }),
    event('r1', {
      case: 'refund',
      value: {
        conversionId: 'c1',
        value: { minorUnits: 1n, currencyCode: 'USD' },
        reason: 'secret',
        attributes,
      },
    }),
    event('f1', { case: 'feedback', value: { ...value, rating: 2, comment: 'secret' } }),
    event('h1', { case: 'handoff', value: { ...value, reason: 'secret' } }),
    event('m1', { case: 'member', value: { memberId: 'ada', attributes } }),
    event('u1', { case: 'user', value: { userId: 'u', attributes } }),
    // Refused: it has no bot.
    event('i2', { case: 'interaction', value: { memberId: 'ada', messageText: 'secret' } }),
  ]);
  expect(outcomes(results)).toEqual([...Array.from({ length: 8 }, () => ACCEPTED), REJECTED]);
  expect(results[8]?.quarantineId).not.toBe('');
  expect(await placesOf(own, 'secret')).toEqual([]);
  const { interaction } =
    (await own.clients.ingestion.getInteraction({ interactionId: 'i1' })).interaction ?? {};
  expect(interaction?.intent).not.toBe('');
  expect(interaction?.sentiment).toBe(3);
  const { rows } = await admin.query<{ body: Buffer }>(
    'select body from ingestion.events where tenant_id = $1 and kind in (1, 2)',
    [own.tenant.tenantId],
  );
  for (const { body } of rows) {
    expect(fromBinary(EventSchema, body).payload.value).toMatchObject({ responseOmitted: true });
  }
  expect(await differences()).toBe(0);
});

test('a repeat is known whatever the mode was then and is now, and other content is not taken for one', async () => {
  const own = await tenant();
  const modes = [ContentMode.FULL, ContentMode.PSEUDONYMOUS, ContentMode.OFF];
  const set = (contentMode: ContentMode) =>
    own.clients.privacy.updatePrivacySettings({ settings: { contentMode } });
  const { clients } = own;
  for (const [index, contentMode] of modes.entries()) {
    await set(contentMode);
    expect(outcomes(await record(own, [said(`i${index}`, 'ada')]))).toEqual([ACCEPTED]);
  }
  for (const contentMode of modes) {
    await set(contentMode);
    for (const index of modes.keys()) {
      const { occurredAt } = fromBinary(EventSchema, await bodyOf(own, `i${index}`));
      if (occurredAt === undefined) throw new Error('no time');
      // Other bytes for the same: when it is sent is no part of it.
      const sentAt = timestampFromDate(new Date());
      const [repeat, other] = ['ada', 'cyd'].map((member) => ({
        eventId: `i${index}`,
        occurredAt,
        sentAt,
        payload: { case: 'interaction' as const, value: { ...words('ada'), memberId: member } },
      }));
      if (repeat === undefined || other === undefined) throw new Error('no events');
      expect(outcomes((await clients.ingestion.recordEvents({ events: [repeat, other] })).results)).toEqual([
        DUPLICATE,
        CONFLICT,
      ]);
    }
  }
});

async function bodyOf({ tenant: { tenantId } }: TestTenant, id: string): Promise<Uint8Array> {
  const { rows } = await admin.query<{ body: Buffer }>(
    'select body from ingestion.events where tenant_id = $1',
    [tenantId],
  );
  const found = rows.find(({ body }) => body !== null && fromBinary(EventSchema, body).eventId === id);
  if (found === undefined) throw new Error(`no event ${id}`);
  return found.body;
}
