import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { FeedbackType, Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { ContentMode, DataClass } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { sleep } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { keepRetention } from '../src/use-cases/keep-retention.ts';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const dayMs = 24 * 3_600_000;
const cluster = await testCluster();
/** The service's clock is so many days ahead of the database's. */
let daysAhead = 0;
const now = () => new Date(Date.now() + daysAhead * dayMs);
const { tenant, admin, projections } = await startService(cluster, { now, atEnd: afterAll });

type Event = MessageInitShape<typeof EventSchema>;
const occurredAt = timestampFromDate(new Date());

const talk = (id: string): readonly Event[] => [
  {
    eventId: `i-${id}`,
    occurredAt,
    payload: {
      case: 'interaction',
      value: {
        botId: 'b',
        memberId: 'ada',
        intent: 'buy',
        messageText: `secret ${id}`,
        responseText: 'secret',
      },
    },
  },
  { eventId: `n-${id}`, occurredAt, payload: { case: 'interaction', value: { botId: 'b' } } },
  { payload: { case: 'completion', value: { interactionId: `i-${id}`, responseText: 'secret answer' } } },
  {
    eventId: `c-${id}`,
    occurredAt,
    payload: {
      case: 'conversion',
      value: { interactionId: `i-${id}`, outcome: Outcome.VISITED, triggerMessage: 'secret trigger' },
    },
  },
  {
    eventId: `f-${id}`,
    occurredAt,
    payload: { case: 'feedback', value: { type: FeedbackType.CSAT, rating: 4, comment: 'secret comment' } },
  },
  // Refused: it has no bot.
  { eventId: `q-${id}`, payload: { case: 'interaction', value: { messageText: 'secret in quarantine' } } },
];
/** Of `talk`, those with text that are kept. */
const withText = 4n;

/** Records events now, and lets 40 days pass. */
async function record({ clients }: TestTenant, events: readonly Event[]): Promise<void> {
  daysAhead = 0;
  const { position } = await clients.ingestion.recordEvents({ events: [...events] });
  await clients.ingestion.listInteractions({ minPosition: position });
  daysAhead = 40;
}

const keep = (now: () => Date, signal = new AbortController().signal) =>
  keepRetention({ worker: admin, append: admin, now, newId: randomUUID, signal });

const inDays = (days: number) => () => new Date(Date.now() + days * dayMs);

/** Whether text is anywhere in what is kept of a tenant. */
async function placesOf({ tenant: { tenantId } }: TestTenant, text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const table of [
    'events',
    'interaction_rows',
    'completion_rows',
    'conversion_rows',
    'feedback_rows',
    'quarantined_events',
  ]) {
    const body =
      table === 'events' || table === 'quarantined_events' ? 'encode(t.body, $$escape$$)' : 't::text';
    const { rowCount } = await admin.query(
      `select from ingestion.${table} t where tenant_id = $1 and position($2 in ${body}) > 0`,
      [tenantId, text],
    );
    if (rowCount > 0) found.push(table);
  }
  return found;
}

const { CONTENT, QUARANTINE, RAW } = DataClass;

test('the preview counts exactly what the next run removes, which then stands in the list of runs', async () => {
  const own = await tenant();
  await record(own, [...talk('1'), ...talk('2')]);
  await own.clients.privacy.updatePrivacySettings({
    settings: {
      retentions: [
        { dataClass: CONTENT, days: 30 },
        { dataClass: QUARANTINE, days: 30 },
      ],
    },
  });
  const preview = await own.clients.privacy.previewRetention({});
  expect(preview.counts.map(({ dataClass, rowCount }) => [dataClass, rowCount])).toEqual([
    [CONTENT, 2n * withText],
    [QUARANTINE, 2n],
  ]);

  await keep(inDays(40));
  const { runs } = await own.clients.privacy.listRetentionRuns({});
  expect(runs).toHaveLength(1);
  expect(runs[0]?.completedAt).toBeDefined();
  expect(runs[0]?.counts.map(({ dataClass, rowCount }) => [dataClass, rowCount])).toEqual(
    preview.counts.map(({ dataClass, rowCount }) => [dataClass, rowCount]),
  );
  const after = await own.clients.privacy.previewRetention({});
  expect(after.counts.map(({ rowCount }) => rowCount)).toEqual([0n, 0n]);
  await keep(inDays(40));
  expect((await own.clients.privacy.listRetentionRuns({})).runs).toHaveLength(1);
});

test('expired texts are nowhere any more, what was counted stays, and the read model verifies', async () => {
  const [own, other] = [await tenant(), await tenant()];
  await record(other, talk('1'));
  await record(own, talk('1'));
  expect(await placesOf(own, 'secret')).toHaveLength(6);
  await own.clients.privacy.updatePrivacySettings({
    settings: {
      retentions: [
        { dataClass: CONTENT, days: 30 },
        { dataClass: QUARANTINE, days: 31 },
      ],
    },
  });
  await keep(inDays(29));
  expect(await placesOf(own, 'secret')).toHaveLength(6);
  await keep(inDays(40));
  expect(await placesOf(own, 'secret')).toEqual([]);
  expect(await placesOf(other, 'secret')).toHaveLength(6);
  const { interaction } = await own.clients.ingestion.getInteraction({ interactionId: 'i-1' });
  expect(interaction?.interaction).toMatchObject({
    intent: 'buy',
    memberId: 'ada',
    messageText: '',
    responseText: '',
  });

  // What was committed in the last five seconds is read from memory, where texts that are 30 days old never are.
  await sleep(5_500);
  await record(own, talk('2'));
  let differenceCount: number | undefined;
  for await (const step of projections.verify('ingestion.read-model', new AbortController().signal)) {
    differenceCount = step.result?.differenceCount;
  }
  expect(differenceCount).toBe(0);
}, 30_000);

test('a late repeat of an event whose texts have expired is a duplicate, however it is encoded', async () => {
  const own = await tenant();
  await record(own, talk('1'));
  await own.clients.privacy.updatePrivacySettings({
    settings: { retentions: [{ dataClass: CONTENT, days: 30 }] },
  });
  await keep(inDays(40));
  const [interaction] = talk('1');
  if (interaction === undefined) throw new Error('no event');
  const { results } = await own.clients.ingestion.recordEvents({
    events: [interaction, { ...interaction, sentAt: occurredAt }],
  });
  expect(results.map(({ outcome }) => outcome)).toEqual([EventOutcome.DUPLICATE, EventOutcome.DUPLICATE]);
  expect(await placesOf(own, 'secret')).toEqual(['quarantined_events']);
});

test('a run that is cut short goes on where it stopped, as one run', async () => {
  const own = await tenant();
  const many = Array.from({ length: 900 }, (_, n): Event => ({
    eventId: `m-${n}`,
    occurredAt,
    payload: { case: 'interaction', value: { botId: 'b', messageText: 'secret' } },
  }));
  await record(own, many);
  await own.clients.privacy.updatePrivacySettings({
    settings: { retentions: [{ dataClass: CONTENT, days: 30 }] },
  });
  const cut = new AbortController();
  let calls = 0;
  const worker: typeof admin = {
    ...admin,
    transaction: async (work, options) => {
      const result = await admin.transaction(work, options);
      if ((calls += 1) === 1) cut.abort(new Error('cut'));
      return result;
    },
  };
  const run = keepRetention({
    worker,
    append: admin,
    now: inDays(40),
    newId: randomUUID,
    signal: cut.signal,
  });
  await expect(run).rejects.toThrow('cut');
  await keep(inDays(41));
  const { runs } = await own.clients.privacy.listRetentionRuns({});
  expect(runs.map(({ counts }) => counts[0]?.rowCount)).toEqual([900n]);
  expect(await placesOf(own, 'secret')).toEqual([]);
});

test('the audit of reads is kept for 400 days', async () => {
  const own = await tenant();
  await record(own, talk('1'));
  daysAhead = 0;
  await own.clients.ingestion.getInteraction({ interactionId: 'i-1' });
  const count = async () => (await own.clients.privacy.listTextReads({})).reads.length;
  const before = await count();
  expect(before).toBeGreaterThan(0);
  await keep(inDays(399));
  expect(await count()).toBe(before);
  await keep(inDays(401));
  expect(await count()).toBe(0);
});

test('settings are changed one by one; what is too short is refused', async () => {
  const { privacy } = (await tenant()).clients;
  const limits = async () =>
    (await privacy.getPrivacySettings({})).settings?.retentions.map(({ dataClass, days }) => [
      dataClass,
      days,
    ]);
  const set = (retentions: readonly { dataClass: DataClass; days: number }[]) =>
    privacy.updatePrivacySettings({
      settings: { retentions: [...retentions] },
      updateMask: { paths: ['retentions'] },
    });
  expect(await limits()).toEqual([]);
  await set([{ dataClass: CONTENT, days: 30 }]);
  await privacy.updatePrivacySettings({ settings: { contentMode: ContentMode.FULL } });
  expect(await limits()).toEqual([[CONTENT, 30]]);
  expect(await refusalOf(set([{ dataClass: CONTENT, days: 29 }]))).toMatchObject({ code: 'InvalidArgument' });
  expect(await refusalOf(set([{ dataClass: RAW, days: 29 }]))).toMatchObject({ code: 'InvalidArgument' });
  expect(await limits()).toEqual([[CONTENT, 30]]);
  await set([]);
  expect(await limits()).toEqual([]);
});
