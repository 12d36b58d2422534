import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { FileFormat, RecordKind } from '@parley/contracts/parley/ingestion/v1/collection_service';
import type { ExportRecordsRequestSchema } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { FeedbackType, Outcome, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, admin } = await startService(cluster, { atEnd: afterAll });

const at = (second: number) => timestampFromDate(new Date(Date.UTC(2026, 2, 1, 10, 0, second)));
type Event = MessageInitShape<typeof EventSchema>;

async function record(own: TestTenant, events: readonly Event[]): Promise<string> {
  let position = '';
  for (let from = 0; from < events.length; from += 1000) {
    const answer = await own.clients.ingestion.recordEvents({ events: events.slice(from, from + 1000) });
    expect(answer.results.filter(({ message }) => message !== '')).toEqual([]);
    position = answer.position;
  }
  return position;
}

async function exported(
  own: TestTenant,
  request: MessageInitShape<typeof ExportRecordsRequestSchema>,
): Promise<string> {
  const decoder = new TextDecoder();
  let file = '';
  for await (const { lines } of own.clients.collection.exportRecords(request)) file += decoder.decode(lines);
  return file;
}

const jsonl = FileFormat.JSONL;
const csv = FileFormat.CSV;

const sentAt = new Date();
const some: readonly Event[] = [
  {
    eventId: 'i-1',
    occurredAt: at(1),
    sentAt: timestampFromDate(sentAt),
    payload: {
      case: 'interaction',
      value: {
        botId: 'shop',
        groupId: 'g',
        memberId: 'm',
        conversationId: 's',
        channel: 'web',
        messageText: '=SUM(A1), "quoted"\nand more',
        intent: 'buy',
        intentScore: 0.5,
        sentiment: Sentiment.POSITIVE,
        attributes: { a: 1, intent: 'its own' },
      },
    },
  },
  {
    occurredAt: at(3),
    payload: {
      case: 'completion',
      value: { interactionId: 'i-1', responseText: "'tis", responseTimeMs: 0n, attributes: { model: 'm-1' } },
    },
  },
  { eventId: 'i-0', occurredAt: at(0), payload: { case: 'interaction', value: { botId: 'other' } } },
  {
    eventId: 'c-1',
    occurredAt: at(4),
    payload: {
      case: 'conversion',
      value: {
        interactionId: 'i-1',
        outcome: Outcome.PURCHASED,
        value: { currencyCode: 'EUR', minorUnits: 2999n },
        pagesVisited: ['/a', '/b'],
      },
    },
  },
  {
    eventId: 'f-1',
    occurredAt: at(5),
    payload: {
      case: 'feedback',
      value: { type: FeedbackType.CSAT, rating: -1, scaleMin: -5, interactionId: 'i-1' },
    },
  },
  {
    eventId: 'f-2',
    occurredAt: at(6),
    payload: { case: 'feedback', value: { type: FeedbackType.NPS, rating: 9, botId: 'other' } },
  },
];

test('JSONL holds every field by the guide’s names, an interaction with its completion, the earliest first', async () => {
  const own = await tenant();
  const minPosition = await record(own, some);
  const lines = async (kind: RecordKind) =>
    (await exported(own, { kind, format: jsonl, minPosition }))
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  expect(await lines(RecordKind.INTERACTIONS)).toEqual([
    { type: 'interaction', id: 'i-0', timestamp: '2026-03-01T10:00:00.000Z', bot_id: 'other' },
    {
      type: 'interaction',
      id: 'i-1',
      timestamp: '2026-03-01T10:00:01.000Z',
      sent_at: sentAt.toISOString(),
      bot_id: 'shop',
      group_id: 'g',
      member_id: 'm',
      session_id: 's',
      channel: 'web',
      message_text: '=SUM(A1), "quoted"\nand more',
      intent: 'buy',
      intent_score: 0.5,
      sentiment: 'positive',
      response_text: "'tis",
      response_time_ms: 0,
      attributes: { a: 1, intent: 'its own', model: 'm-1' },
    },
  ]);
  expect(await lines(RecordKind.CONVERSIONS)).toEqual([
    {
      type: 'conversion',
      id: 'c-1',
      timestamp: '2026-03-01T10:00:04.000Z',
      interaction_id: 'i-1',
      bot_id: 'shop',
      group_id: 'g',
      member_id: 'm',
      intent: 'buy',
      outcome: 'purchased',
      conversion_value: 29.99,
      currency: 'EUR',
      checkout_completed: false,
      pages_visited: ['/a', '/b'],
    },
  ]);
  expect(await lines(RecordKind.FEEDBACK)).toMatchObject([
    { id: 'f-1', feedback_type: 'csat', csat_rating: -1, scale_min: -5, bot_id: 'shop', member_id: 'm' },
    { id: 'f-2', feedback_type: 'nps', rating: 9, bot_id: 'other' },
  ]);
});

test('CSV is RFC 4180: texts that a spreadsheet would run are defused, numbers are not', async () => {
  const own = await tenant();
  const minPosition = await record(own, some);
  const interactions = await exported(own, { kind: RecordKind.INTERACTIONS, format: csv, minPosition });
  expect(interactions.split('\r\n')).toEqual([
    'type,id,timestamp,sent_at,bot_id,group_id,member_id,session_id,channel,message_text,intent,intent_score,sentiment,response_text,response_omitted,response_time_ms,error_code,attributes',
    'interaction,i-0,2026-03-01T10:00:00.000Z,,other,,,,,,,,,,,,,',
    `interaction,i-1,2026-03-01T10:00:01.000Z,${sentAt.toISOString()},shop,g,m,s,web,` +
      '"\'=SUM(A1), ""quoted""\nand more",buy,0.5,positive,\'\'tis,,0,,' +
      '"{""a"":1,""model"":""m-1"",""intent"":""its own""}"',
    '',
  ]);
  const feedback = await exported(own, { kind: RecordKind.FEEDBACK, format: csv, minPosition });
  expect(feedback).toContain(',csat,-1,,-5,5,');
});

test('an answer whose text is not kept is told as one, in the file, when asked for, and by SQL', async () => {
  const own = await tenant();
  const said = (eventId: string, value: object): Event => ({
    eventId,
    payload: { case: 'interaction', value: { botId: 'b', intent: 'i', ...value } },
  });
  const completed = (interactionId: string, value: object): Event => ({
    payload: { case: 'completion', value: { interactionId, ...value } },
  });
  const minPosition = await record(own, [
    said('at-once', { responseOmitted: true }),
    said('later', {}),
    completed('later', { responseOmitted: true }),
    said('with-text', { responseOmitted: true }),
    completed('with-text', { responseText: 'Yes.' }),
    said('never', {}),
  ]);
  const lines = (await exported(own, { kind: RecordKind.INTERACTIONS, format: jsonl, minPosition })).trim();
  const omitted = lines
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; response_omitted?: boolean })
    .filter((line) => line.response_omitted);
  expect(omitted.map(({ id }) => id).toSorted()).toEqual(['at-once', 'later']);
  const { interactions } = await own.clients.ingestion.listInteractions({});
  const told = interactions.filter(({ interaction }) => interaction?.responseOmitted === true);
  expect(told.map(({ interactionId }) => interactionId).toSorted()).toEqual(['at-once', 'later']);
  const { rows } = await admin.query<{ id: string }>(
    'select id from interactions where tenant_id = $1 and response_omitted order by id',
    [own.tenant.tenantId],
  );
  expect(rows.map(({ id }) => id)).toEqual(['at-once', 'later']);
});

test('a file of nothing is empty, or a line of names', async () => {
  const own = await tenant();
  expect(await exported(own, { kind: RecordKind.FEEDBACK, format: jsonl })).toBe('');
  expect(await exported(own, { kind: RecordKind.FEEDBACK, format: csv })).toMatch(/^type,id,[a-z_,]+\r\n$/);
});

test('filters take what is of a bot, group, member and window, also by what a conversion belongs to', async () => {
  const own = await tenant();
  const minPosition = await record(own, some);
  const ids = async (request: MessageInitShape<typeof ExportRecordsRequestSchema>) =>
    [...(await exported(own, { format: jsonl, minPosition, ...request })).matchAll(/"id":"([^"]+)"/g)].map(
      ([, id]) => id,
    );
  const [interactions, conversions, feedback] = [
    RecordKind.INTERACTIONS,
    RecordKind.CONVERSIONS,
    RecordKind.FEEDBACK,
  ];
  expect(await ids({ kind: interactions, botId: 'shop' })).toEqual(['i-1']);
  expect(await ids({ kind: interactions, windowEnd: at(1) })).toEqual(['i-0']);
  expect(await ids({ kind: interactions, windowStart: at(1) })).toEqual(['i-1']);
  expect(await ids({ kind: conversions, botId: 'shop' })).toEqual(['c-1']);
  expect(await ids({ kind: conversions, memberId: 'm', groupId: 'g' })).toEqual(['c-1']);
  expect(await ids({ kind: conversions, botId: 'other' })).toEqual([]);
  expect(await ids({ kind: feedback, botId: 'shop' })).toEqual(['f-1']);
  const reversed = exported(own, { kind: feedback, format: jsonl, windowStart: at(2), windowEnd: at(1) });
  expect(await refusalOf(reversed)).toMatchObject({ code: 'InvalidArgument', fields: ['window_end'] });
});

test('one tenant’s file holds nothing of another', async () => {
  const [own, other] = [await tenant(), await tenant()];
  const minPosition = await record(other, some);
  await exported(other, { kind: RecordKind.INTERACTIONS, format: jsonl, minPosition });
  expect(await exported(own, { kind: RecordKind.INTERACTIONS, format: jsonl })).toBe('');
});

test('an export is one snapshot however slowly it is read, and ends when its reader leaves', async () => {
  const own = await tenant();
  const interactions = (from: number, count: number) =>
    Array.from({ length: count }, (_, n): Event => ({
      eventId: `i-${from + n}`,
      occurredAt: at(from + n),
      payload: { case: 'interaction', value: { botId: 'b', messageText: 'x'.repeat(900) } },
    }));
  const minPosition = await record(own, interactions(0, 3000));
  const request = { kind: RecordKind.INTERACTIONS, format: jsonl, minPosition };
  const stream = own.clients.collection.exportRecords(request)[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  let file = decoder.decode((await stream.next()).value?.lines);
  const later = await record(own, interactions(3000, 500));
  await own.clients.ingestion.listInteractions({ minPosition: later });
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
    file += decoder.decode(next.value.lines);
  }
  expect(file.trimEnd().split('\n')).toHaveLength(3000);

  for await (const { lines } of own.clients.collection.exportRecords(request)) {
    expect(lines.length).toBeLessThan(70_000);
    break;
  }
  await expect
    .poll(
      async () => {
        const { rows } = await admin.query(
          `select from pg_stat_activity
          where datname = current_database() and usename = 'ingestion_app' and state like '%in transaction%'`,
        );
        return rows.length;
      },
      { timeout: 10_000 },
    )
    .toBe(0);
}, 30_000);
