import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { FeedbackType, Outcome, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant } = await startService(cluster, { atEnd: afterAll });

const at = (second: number) => timestampFromDate(new Date(Date.UTC(2026, 2, 1, 10, 0, second)));
/** Nothing is left to be read from the text, which would be an event of its own. */
const said = { intent: 'buy', sentiment: Sentiment.NEUTRAL };
type Event = MessageInitShape<typeof EventSchema>;

async function record({ clients }: TestTenant, events: readonly Event[]) {
  for (let from = 0; from < events.length; from += 500) {
    await clients.ingestion.recordEvents({ events: events.slice(from, from + 500) });
  }
}

async function exported({ clients }: TestTenant, memberId: string): Promise<string> {
  const decoder = new TextDecoder();
  let file = '';
  for await (const { lines } of clients.privacy.exportMember({ memberId })) file += decoder.decode(lines);
  return file;
}

const linesOf = (file: string) =>
  file
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Everything that there can be about a member, with `id` in the id of each event. */
const life = (memberId: string, id: string): readonly Event[] => [
  {
    eventId: `i-${id}`,
    occurredAt: at(1),
    sentAt: at(2),
    payload: {
      case: 'interaction',
      value: { botId: 'b', memberId, messageText: `said by ${id}`, ...said, attributes: { a: id } },
    },
  },
  { payload: { case: 'completion', value: { interactionId: `i-${id}`, responseText: `answer to ${id}` } } },
  {
    eventId: `c-${id}`,
    payload: {
      case: 'conversion',
      value: {
        interactionId: `i-${id}`,
        outcome: Outcome.PURCHASED,
        value: { currencyCode: 'EUR', minorUnits: 5n },
      },
    },
  },
  {
    eventId: `r-${id}`,
    payload: {
      case: 'refund',
      value: { conversionId: `c-${id}`, value: { currencyCode: 'EUR', minorUnits: 5n } },
    },
  },
  {
    eventId: `f-${id}`,
    payload: {
      case: 'feedback',
      value: { type: FeedbackType.CSAT, rating: 5, interactionId: `i-${id}`, comment: `liked by ${id}` },
    },
  },
  { eventId: `h-${id}`, payload: { case: 'handoff', value: { conversationId: `k-${id}`, memberId } } },
  { eventId: `m1-${id}`, payload: { case: 'member', value: { memberId, userId: `u-${id}` } } },
  { eventId: `m2-${id}`, payload: { case: 'member', value: { memberId, segments: ['paid'] } } },
  { eventId: `u-${id}`, payload: { case: 'user', value: { userId: `u-${id}`, attributes: { of: id } } } },
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
  // Refused: an interaction needs its bot.
  { eventId: `q1-${id}`, payload: { case: 'interaction', value: { memberId, messageText: `${id} lost` } } },
  // Refused: the rating is outside the scale.
  {
    eventId: `q2-${id}`,
    payload: {
      case: 'feedback',
      value: { type: FeedbackType.CSAT, rating: 99, interactionId: `i-${id}` },
    },
  },
];

test('the file holds everything that is about a member or refers to what it said, and nothing else', async () => {
  const own = await tenant();
  await record(own, [...life('ada', 'A'), ...life('ad', 'B')]);
  const other = await tenant();
  await record(other, life('ada', 'C'));

  const file = await exported(own, 'ada');
  const lines = linesOf(file);
  expect(
    lines.map(({ type, kind, event_id }) => `${String(type)} ${String(kind)} ${String(event_id)}`).sort(),
  ).toEqual([
    'event completion i-A',
    'event conversion c-A',
    'event exposure e1-A',
    'event exposure e2-A',
    'event feedback f-A',
    'event handoff h-A',
    'event interaction i-A',
    'event member m1-A',
    'event member m2-A',
    'event refund r-A',
    'event user u-A',
    'quarantined_event feedback q2-A',
    'quarantined_event interaction q1-A',
  ]);
  expect(file).not.toMatch(/\bB\b|-B|-C/);
  expect(lines[0]).toEqual({
    type: 'event',
    kind: 'interaction',
    event_id: 'i-A',
    // Corrected by the error of the clock that sent_at shows.
    occurred_at: expect.any(String) as unknown,
    sent_at: '2026-03-01T10:00:02.000Z',
    received_at: expect.any(String) as unknown,
    content: {
      bot_id: 'b',
      member_id: 'ada',
      message_text: 'said by A',
      intent: 'buy',
      sentiment: 'SENTIMENT_NEUTRAL',
      attributes: { a: 'A' },
    },
  });
  expect(file).toContain('answer to A');
  expect(await exported(own, 'ada')).toBe(file);
});

test('of a member that nobody knows there is nothing', async () => {
  const own = await tenant();
  await record(own, life('ada', 'A'));
  expect(await exported(own, 'nobody')).toBe('');
});

test('a member with much is given in parts, in the order of the log, and the audit counts every text', async () => {
  const own = await tenant();
  const count = 1_200;
  await record(
    own,
    Array.from({ length: count }, (_, n): Event => ({
      eventId: `i-${n}`,
      occurredAt: at(count - n),
      payload: {
        case: 'interaction',
        value: { botId: 'b', memberId: 'ada', messageText: 'x'.repeat(300), ...said },
      },
    })),
  );
  const decoder = new TextDecoder();
  const parts: string[] = [];
  for await (const { lines } of own.clients.privacy.exportMember({ memberId: 'ada' })) {
    parts.push(decoder.decode(lines));
  }
  expect(parts.length).toBeGreaterThan(3);
  expect(parts.every((part) => part.endsWith('\n'))).toBe(true);
  expect(linesOf(parts.join('')).map(({ event_id }) => event_id)).toEqual(
    Array.from({ length: count }, (_, n) => `i-${n}`),
  );
  const { reads } = await own.clients.privacy.listTextReads({});
  expect(reads).toMatchObject([
    { method: 'ExportMember', rowCount: BigInt(count), request: '{"member_id": "ada"}' },
  ]);
});
