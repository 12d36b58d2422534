import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { FileFormat, RecordKind } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { FeedbackType } from '@parley/contracts/parley/ingestion/v1/event';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { operatorKey, startService } from './service-fixture.ts';
import type { Clients, TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, keyed, as, admin } = await startService(cluster, { atEnd: afterAll });

const at = (second: number) => timestampFromDate(new Date(Date.UTC(2026, 2, 1, 10, 0, second)));

const interaction = (
  eventId: string,
  second: number,
  texts: { readonly messageText?: string; readonly responseText?: string },
): MessageInitShape<typeof EventSchema> => ({
  eventId,
  occurredAt: at(second),
  payload: { case: 'interaction', value: { botId: 'b', memberId: 'ada', ...texts } },
});

async function recorded(
  { clients }: TestTenant,
  events: readonly MessageInitShape<typeof EventSchema>[],
): Promise<string> {
  return (await clients.ingestion.recordEvents({ events: [...events] })).position;
}

async function reads({ privacy }: Clients) {
  const answer = await privacy.listTextReads({});
  return answer.reads.map(({ method, rowCount, request, keyId }) => ({
    method,
    rowCount,
    keyId,
    request: JSON.parse(request) as unknown,
  }));
}

test('whoever gets texts of messages leaves a row: the key, the call, how many, and what was asked for', async () => {
  const own = await tenant();
  const minPosition = await recorded(own, [
    interaction('i-1', 1, { messageText: 'a secret' }),
    interaction('i-2', 2, { responseText: 'an answer' }),
    interaction('i-3', 3, {}),
  ]);
  await own.clients.ingestion.getInteraction({ interactionId: 'i-1', minPosition });
  const reader = await own.clients.tenants.createApiKey({ scopes: [Scope.READ] });
  await as(reader.key).ingestion.listInteractions({ memberId: 'ada', windowStart: at(0) });
  await as(operatorKey, { tenant: own.tenant.name }).ingestion.listInteractions({});

  const ownKeyId = (await own.clients.tenants.listApiKeys({})).apiKeys
    .map(({ keyId }) => keyId)
    .find((keyId) => keyId !== reader.apiKey?.keyId);
  expect(await reads(own.clients)).toEqual([
    { method: 'ListInteractions', rowCount: 2n, keyId: 'operator', request: {} },
    {
      method: 'ListInteractions',
      rowCount: 2n,
      keyId: reader.apiKey?.keyId,
      request: { member_id: 'ada', window_start: '2026-03-01T10:00:00.000Z' },
    },
    { method: 'GetInteraction', rowCount: 1n, keyId: ownKeyId, request: { interaction_id: 'i-1' } },
  ]);
  const { rows } = await admin.query<{ all: string }>(
    `select string_agg(t::text, ' ') as "all" from ingestion.text_reads t`,
  );
  expect(rows[0]?.all).not.toMatch(/secret|answer/);
});

test('an answer without texts, and a list without any, leave nothing', async () => {
  const own = await tenant();
  const minPosition = await recorded(own, [interaction('i-1', 1, {})]);
  await own.clients.ingestion.getInteraction({ interactionId: 'i-1', minPosition });
  await own.clients.ingestion.listInteractions({});
  await own.clients.ingestion.listInteractions({ botId: 'no such bot' });
  expect(await reads(own.clients)).toEqual([]);
});

test('an export is one row that counts all of its texts, however many parts it came in', async () => {
  const own = await tenant();
  const long = 'x'.repeat(9_000);
  const minPosition = await recorded(own, [
    ...Array.from({ length: 40 }, (_, n) => interaction(`i-${n}`, n, { messageText: long })),
    {
      eventId: 'f-1',
      occurredAt: at(50),
      payload: { case: 'feedback', value: { type: FeedbackType.CSAT, rating: 5, comment: 'fine' } },
    },
    {
      eventId: 'f-2',
      occurredAt: at(51),
      payload: { case: 'feedback', value: { type: FeedbackType.CSAT, rating: 4 } },
    },
  ]);
  let parts = 0;
  for (const kind of [RecordKind.INTERACTIONS, RecordKind.FEEDBACK]) {
    const file = own.clients.collection.exportRecords({ kind, format: FileFormat.JSONL, minPosition });
    for await (const { lines } of file) parts += lines.length > 0 ? 1 : 0;
  }
  expect(parts).toBeGreaterThan(3);
  expect(await reads(own.clients)).toMatchObject([
    { method: 'ExportRecords', rowCount: 1n, request: { kind: 'feedback' } },
    { method: 'ExportRecords', rowCount: 40n, request: { kind: 'interactions' } },
  ]);
});

test('what is looked at in quarantine leaves a row; listing it without bodies does not', async () => {
  const own = await tenant();
  await recorded(own, [interaction('', 1, { messageText: 'y'.repeat(20_000) })]);
  const { quarantinedEvents } = await own.clients.quarantine.listQuarantinedEvents({});
  const quarantineId = quarantinedEvents[0]?.quarantineId ?? '';
  expect(await reads(own.clients)).toEqual([]);
  await own.clients.quarantine.getQuarantinedEvent({ quarantineId });
  expect(await reads(own.clients)).toMatchObject([
    { method: 'GetQuarantinedEvent', rowCount: 1n, request: { quarantine_id: quarantineId } },
  ]);
});

test('where the audit can’t be written, no text is given', async () => {
  const own = await tenant();
  const minPosition = await recorded(own, [interaction('i-1', 1, { messageText: 'a secret' })]);
  const get = () => own.clients.ingestion.getInteraction({ interactionId: 'i-1', minPosition });
  await admin.query('alter table ingestion.text_reads rename to text_reads_away');
  try {
    expect(await refusalOf(get())).toMatchObject({ code: 'Internal' });
    const file = own.clients.collection.exportRecords({
      kind: RecordKind.INTERACTIONS,
      format: FileFormat.JSONL,
      minPosition,
    });
    const chunks: Uint8Array[] = [];
    await expect(
      (async () => {
        for await (const { lines } of file) chunks.push(lines);
      })(),
    ).rejects.toThrow();
    expect(chunks).toEqual([]);
  } finally {
    await admin.query('alter table ingestion.text_reads_away rename to text_reads');
  }
  expect((await get()).interaction?.interaction?.messageText).toBe('a secret');
});

test('the audit is listed page by page, the latest first, by administrators of the tenant alone', async () => {
  const [own, other] = [await tenant(), await tenant()];
  const minPosition = await recorded(own, [interaction('i-1', 1, { messageText: 'a' })]);
  await Promise.all(
    Array.from({ length: 25 }, () =>
      own.clients.ingestion.getInteraction({ interactionId: 'i-1', minPosition }),
    ),
  );
  const times: number[] = [];
  for (let pageToken = ''; ;) {
    const page = await own.clients.privacy.listTextReads({ pageSize: 10, pageToken });
    times.push(
      ...page.reads.map(({ readAt }) => Number(readAt?.seconds) * 1000 + (readAt?.nanos ?? 0) / 1e6),
    );
    if ((pageToken = page.nextPageToken) === '') break;
  }
  expect(times).toHaveLength(25);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  expect(await reads(other.clients)).toEqual([]);
  const reader = await keyed(own, [Scope.READ]);
  expect(await refusalOf(reader.privacy.listTextReads({}))).toMatchObject({ code: 'PermissionDenied' });
});
