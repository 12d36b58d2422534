import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { EventSchema, FeedbackType, Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, as, admin, url } = await startService(cluster, { atEnd: afterAll });
type EventInit = MessageInitShape<typeof EventSchema>;

const said = (eventId: string, messageText = 'hello'): EventInit => ({
  eventId,
  occurredAt: timestampFromDate(new Date('2026-03-01T10:00:00Z')),
  payload: { case: 'interaction', value: { botId: 'bot-1', messageText } },
});

test('one event of each kind is recorded by its own call, and a repeat is a duplicate', async () => {
  const { ingestion } = (await tenant()).clients;
  const interactionId = 'i-1';
  const value = { currencyCode: 'USD', minorUnits: 2900n };
  const record = () =>
    Promise.all([
      ingestion.recordInteraction({ eventId: interactionId, interaction: { botId: 'bot-1' } }),
      ingestion.completeInteraction({ completion: { interactionId, responseText: 'hi' } }),
      ingestion.recordConversion({
        eventId: 'c-1',
        conversion: { interactionId, outcome: Outcome.PURCHASED, value },
      }),
      ingestion.recordRefund({ eventId: 'r-1', refund: { conversionId: 'c-1', value } }),
      ingestion.recordFeedback({ eventId: 'f-1', feedback: { rating: 5, interactionId } }),
      ingestion.recordHandoff({ eventId: 'h-1', handoff: { interactionId } }),
      ingestion.recordMember({ eventId: 'm-1', member: { memberId: 'm-1', segments: ['free_user'] } }),
      ingestion.recordUser({ eventId: 'u-1', user: { userId: 'u-1' } }),
      ingestion.recordBotPerformanceMetric({
        eventId: 'b-1',
        botPerformanceMetric: {
          botId: 'bot-1',
          metricCategory: 5,
          metricType: 'latency',
          metricValue: 120.5,
          aggregationPeriod: 1,
          sampleSize: 10n,
        },
      }),
      ingestion.recordExposure({
        eventId: 'e-1',
        exposure: { experimentId: 'x', variantKey: 'a', unitId: 'm-1' },
      }),
    ]);
  const first = await record();
  expect(first.map(({ eventId }) => eventId)).toEqual([
    'i-1',
    'i-1',
    'c-1',
    'r-1',
    'f-1',
    'h-1',
    'm-1',
    'u-1',
    'b-1',
    'e-1',
  ]);
  expect(first.every(({ duplicate }) => !duplicate)).toBe(true);
  expect((await record()).every(({ duplicate }) => duplicate)).toBe(true);
});

test('an event without an id gets a UUIDv7, which its stored bytes hold', async () => {
  const { tenant: own, clients } = await tenant();
  const { eventId } = await clients.ingestion.recordInteraction({ interaction: { botId: 'bot-1' } });
  expect(eventId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  const { rows } = await admin.query<{ body: Buffer; event_key: string }>(
    'select body, event_key from events where tenant_id = $1',
    [own.tenantId],
  );
  expect(rows[0]?.event_key).toBe(eventId);
  expect(rows[0]?.body.toString('latin1')).toContain(eventId);
});

test('the same id with other content is refused, kept in quarantine, and the first stays', async () => {
  const { ingestion, quarantine } = (await tenant()).clients;
  await ingestion.recordInteraction({ eventId: 'i-1', interaction: { botId: 'bot-1', messageText: 'one' } });
  const again = ingestion.recordInteraction({
    eventId: 'i-1',
    interaction: { botId: 'bot-1', messageText: 'two' },
  });
  const { facts, ...refusal } = await refusalOf(again);
  expect(refusal).toMatchObject({ code: 'AlreadyExists', reason: 'EVENT_CONFLICT' });
  const { quarantinedEvent } = await quarantine.getQuarantinedEvent({
    quarantineId: facts['quarantine_id'] ?? '',
  });
  expect(quarantinedEvent).toMatchObject({
    eventId: 'i-1',
    reason: 'EVENT_CONFLICT',
    event: { payload: { value: { messageText: 'two' } } },
  });
});

test('sent_at and the order of attributes are no content: sending again with others is a duplicate', async () => {
  const { ingestion } = (await tenant()).clients;
  const send = (sentAt: string, attributes: Record<string, number>) =>
    ingestion.recordInteraction({
      eventId: 'i-1',
      sentAt: timestampFromDate(new Date(sentAt)),
      interaction: { botId: 'bot-1', attributes },
    });
  await send('2026-03-01T00:00:00Z', { a: 1, b: 2 });
  expect(await send('2026-03-02T00:00:00Z', { b: 2, a: 1 })).toMatchObject({ duplicate: true });
  expect(await refusalOf(send('2026-03-02T00:00:00Z', { b: 2, a: 3 }))).toMatchObject({
    reason: 'EVENT_CONFLICT',
  });
});

test('ids are unique within a kind and a tenant only', async () => {
  const [one, other] = [await tenant(), await tenant()];
  const outcomes = [
    await one.clients.ingestion.recordInteraction({ eventId: 'x', interaction: { botId: 'b' } }),
    await other.clients.ingestion.recordInteraction({ eventId: 'x', interaction: { botId: 'c' } }),
    await one.clients.ingestion.recordUser({ eventId: 'x', user: { userId: 'u' } }),
  ];
  expect(outcomes.map(({ duplicate }) => duplicate)).toEqual([false, false, false]);
});

const bad: readonly (readonly [
  what: string,
  event: EventInit,
  fields: readonly string[],
  reason?: string,
])[] = [
  ['no payload', { eventId: 'x' }, ['payload']],
  ['no bot', { payload: { case: 'interaction', value: {} } }, ['interaction.bot_id']],
  ['a long id', { ...said('x'.repeat(201)) }, ['event_id']],
  ['a NUL in the id', said('a\0b'), ['event_id']],
  ['a NUL in the text', said('x', 'a\0b'), ['interaction.message_text']],
  ['a long text', said('x', 'a'.repeat(16_385)), ['interaction.message_text']],
  [
    'a NUL in an attribute',
    { payload: { case: 'interaction', value: { botId: 'b', attributes: { key: 'a\0' } } } },
    ['interaction.attributes.key'],
  ],
  [
    'too many attributes',
    {
      payload: {
        case: 'user',
        value: {
          userId: 'u',
          attributes: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, n])),
        },
      },
    },
    ['user.attributes'],
  ],
  [
    'attributes that nest too deep',
    {
      payload: {
        case: 'user',
        value: { userId: 'u', attributes: { a: { b: { c: { d: { e: { f: { g: { h: { i: 1 } } } } } } } } } },
      },
    },
    ['user.attributes'],
  ],
  [
    'attributes that are too large',
    { payload: { case: 'user', value: { userId: 'u', attributes: { a: 'x'.repeat(33_000) } } } },
    ['user.attributes'],
  ],
  [
    'a negative time to answer',
    { payload: { case: 'interaction', value: { botId: 'b', responseTimeMs: -1n } } },
    ['interaction.response_time_ms'],
  ],
  [
    'a score above 1',
    { payload: { case: 'interaction', value: { botId: 'b', intentScore: 1.01 } } },
    ['interaction.intent_score'],
  ],
  [
    'an infinite metric',
    {
      payload: {
        case: 'botPerformanceMetric',
        value: {
          botId: 'b',
          metricCategory: 1,
          metricType: 'x',
          aggregationPeriod: 1,
          metricValue: Infinity,
        },
      },
    },
    ['bot_performance_metric.metric_value', 'bot_performance_metric.metric_value'],
  ],
  [
    'a conversion without outcome',
    { payload: { case: 'conversion', value: { interactionId: 'i' } } },
    ['conversion.outcome'],
  ],
  [
    'negative money',
    {
      payload: {
        case: 'conversion',
        value: {
          interactionId: 'i',
          outcome: Outcome.PURCHASED,
          value: { currencyCode: 'USD', minorUnits: -1n },
        },
      },
    },
    ['conversion.value.minor_units'],
  ],
  [
    'money in no currency',
    {
      payload: {
        case: 'refund',
        value: { conversionId: 'c', value: { currencyCode: 'XYZ', minorUnits: 1n } },
      },
    },
    ['refund.value.currency_code'],
  ],
  ['a rating of 0', { payload: { case: 'feedback', value: { rating: 0 } } }, ['feedback.rating']],
  [
    'an NPS of 11',
    { payload: { case: 'feedback', value: { type: FeedbackType.NPS, rating: 11 } } },
    ['feedback.rating'],
  ],
  [
    'half a thumb',
    { payload: { case: 'feedback', value: { type: FeedbackType.THUMBS, rating: 0.5 } } },
    ['feedback.rating'],
  ],
  [
    'an NPS on a scale of its own',
    { payload: { case: 'feedback', value: { type: FeedbackType.NPS, rating: 3, scaleMax: 5 } } },
    ['feedback.scale_max'],
  ],
  [
    'an empty scale',
    { payload: { case: 'feedback', value: { rating: 3, scaleMin: 5, scaleMax: 5 } } },
    ['feedback.scale_max'],
  ],
  ['a handoff from nowhere', { payload: { case: 'handoff', value: {} } }, ['handoff']],
  [
    'a completion under another id',
    { eventId: 'x', payload: { case: 'completion', value: { interactionId: 'i' } } },
    ['event_id'],
  ],
  [
    'a time of 25 hours ahead',
    { ...said('x'), occurredAt: timestampFromDate(new Date(Date.now() + 25 * 3_600_000)) },
    ['occurred_at'],
    'TOO_FAR_AHEAD',
  ],
  [
    'a time with too many nanos',
    { ...said('x'), occurredAt: create(TimestampSchema, { nanos: 1_000_000_000 }) },
    ['occurred_at'],
  ],
  [
    'a time before year 1',
    { ...said('x'), sentAt: create(TimestampSchema, { seconds: -62_135_596_801n }) },
    ['sent_at'],
  ],
  ['a tick', { payload: { case: 'tick', value: {} } }, [], 'KIND_NOT_ALLOWED'],
  ['a consent', { payload: { case: 'consent', value: {} } }, [], 'KIND_NOT_ALLOWED'],
  ['an erasure', { payload: { case: 'erasure', value: {} } }, [], 'KIND_NOT_ALLOWED'],
  ['an enrichment', { payload: { case: 'enrichment', value: {} } }, [], 'KIND_NOT_ALLOWED'],
];

test.each(['grpc', 'connect', 'json'] as const)(
  'each bad event of a batch is told why, and stops no other (%s)',
  async (protocol) => {
    const { key } = await tenant();
    const { ingestion, quarantine } = as(
      key,
      protocol === 'json' ? { protocol: 'connect', useJson: true } : { protocol },
    );
    // JSON can't even say what is infinite, or outside the years 1 to 9999.
    const sent = protocol === 'json' ? bad.filter(([what]) => !/infinite|nanos|year 1/.test(what)) : bad;
    const { results } = await ingestion.recordEvents({
      events: [said('good-1'), ...sent.map(([, event]) => event), said('good-2')],
    });
    expect(
      results.slice(1, -1).map(({ outcome, reason, fieldViolations }, index) => ({
        what: sent[index]?.[0],
        outcome,
        reason,
        fields: fieldViolations.map(({ field }) => field),
      })),
    ).toEqual(
      sent.map(([what, , fields, reason = 'INVALID_FIELDS']) => ({
        what,
        outcome: EventOutcome.REJECTED,
        reason,
        fields,
      })),
    );
    expect([results[0]?.outcome, results.at(-1)?.outcome]).toEqual([
      EventOutcome.ACCEPTED,
      EventOutcome.ACCEPTED,
    ]);
    const { quarantinedEvents } = await quarantine.listQuarantinedEvents({ pageSize: 1000 });
    const ids = new Set(results.map(({ quarantineId }) => quarantineId).filter((id) => id !== ''));
    expect(new Set(quarantinedEvents.map(({ quarantineId }) => quarantineId))).toEqual(ids);
    expect(ids.size).toBe(sent.length);
  },
);

test('bytes that are no event are rejected alone, with what came in quarantine', async () => {
  const { key, clients } = await tenant();
  const items = [
    toBinary(EventSchema, create(EventSchema, said('good'))),
    Uint8Array.of(0x0a, 0x05, 0x61),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0x0a, 0x02, 0xc3, 0x28),
    new Uint8Array(),
  ];
  const body = Buffer.concat(items.flatMap((item) => [Uint8Array.of(0x0a, item.length), item]));
  const response = await fetch(`${url}/parley.ingestion.v1.IngestionService/RecordEvents`, {
    method: 'POST',
    headers: { 'content-type': 'application/proto', authorization: `Bearer ${key}` },
    body,
  });
  expect(response.status).toBe(200);
  const { quarantinedEvents } = await clients.quarantine.listQuarantinedEvents({});
  expect(quarantinedEvents.map(({ reason }) => reason).sort()).toEqual([
    'INVALID_FIELDS',
    'MALFORMED',
    'MALFORMED',
    'MALFORMED',
  ]);
});

test('what Parley does not know of an event is not stored', async () => {
  const { key, tenant: own } = await tenant();
  const known = toBinary(EventSchema, create(EventSchema, said('good', '')));
  // Field 99 of the event, a text.
  const secret = Buffer.concat([known, Uint8Array.of(0x9a, 0x06, 6), Buffer.from('secret')]);
  const response = await fetch(`${url}/parley.ingestion.v1.IngestionService/RecordEvents`, {
    method: 'POST',
    headers: { 'content-type': 'application/proto', authorization: `Bearer ${key}` },
    body: Buffer.concat([Uint8Array.of(0x0a, secret.length), secret]),
  });
  expect(response.status).toBe(200);
  const { rows } = await admin.query<{ body: Buffer }>('select body from events where tenant_id = $1', [
    own.tenantId,
  ]);
  expect(rows.map((row) => row.body)).toEqual([Buffer.from(known)]);
});

test.each([
  ['grpc', 'events'],
  ['json', 'events'],
] as const)('a batch of nothing or of too much is refused (%s)', async (protocol, field) => {
  const { key } = await tenant();
  const { ingestion } = as(key, protocol === 'json' ? { protocol: 'connect', useJson: true } : {});
  for (const count of [0, 1001]) {
    const events = Array.from({ length: count }, (_, index) => said(`e-${index}`));
    expect(await refusalOf(ingestion.recordEvents({ events }))).toMatchObject({
      code: 'InvalidArgument',
      fields: [field],
    });
  }
  const results = await ingestion.recordEvents({
    events: Array.from({ length: 1000 }, (_, index) => said(`e-${index}`)),
  });
  expect(results.results.every(({ outcome }) => outcome === EventOutcome.ACCEPTED)).toBe(true);
});

test('repeats inside a batch share the first one, and conflicts are told apart', async () => {
  const { ingestion } = (await tenant()).clients;
  const { results } = await ingestion.recordEvents({
    events: [said('a'), said('a'), said('a', 'other'), said('b')],
  });
  expect(results.map(({ outcome }) => outcome)).toEqual([
    EventOutcome.ACCEPTED,
    EventOutcome.DUPLICATE,
    EventOutcome.CONFLICT,
    EventOutcome.ACCEPTED,
  ]);
});

test('a bad single is told its fields, by whatever protocol', async () => {
  const { key } = await tenant();
  for (const options of [
    { protocol: 'grpc' },
    { protocol: 'connect' },
    { protocol: 'connect', useJson: true },
  ] as const) {
    const { ingestion } = as(key, options);
    const value = { currencyCode: 'XYZ', minorUnits: 1n };
    expect(
      await refusalOf(
        ingestion.recordConversion({ conversion: { interactionId: 'i', outcome: Outcome.PURCHASED, value } }),
      ),
    ).toMatchObject({
      code: 'InvalidArgument',
      reason: 'INVALID_FIELDS',
      fields: ['conversion.value.currency_code'],
    });
    expect(await refusalOf(ingestion.recordInteraction({}))).toMatchObject({
      code: 'InvalidArgument',
      fields: ['interaction'],
    });
  }
});
