import { expect, test } from 'vitest';
import { FeedbackType, Outcome, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import { parseLine } from './parse-line.ts';

const parse = (line: object) => parseLine(JSON.stringify(line), { defaultCurrency: 'USD' });

test('an interaction is read in the guide’s names, what is unknown is kept as an attribute', () => {
  const { event, tenantName } = parse({
    type: 'interaction',
    id: 'i-1',
    tenant: 'acme',
    timestamp: '2026-03-01T00:17:42+01:00',
    group_id: 'g-8',
    member_id: 'm-257',
    session_id: 's-1',
    bot_id: 'weather',
    message_text: 'Rain?',
    intent: 'forecast',
    sentiment: 'negative',
    response_text: 'No.',
    response_time_ms: 0,
    monetization_event: false,
    tries: 3,
    nothing: null,
  });
  expect(tenantName).toBe('acme');
  expect(event.eventId).toBe('i-1');
  expect(event.occurredAt?.seconds).toBe(BigInt(Date.parse('2026-02-28T23:17:42Z') / 1000));
  expect(event.payload.value).toMatchObject({
    botId: 'weather',
    groupId: 'g-8',
    memberId: 'm-257',
    conversationId: 's-1',
    sentiment: Sentiment.NEGATIVE,
    responseTimeMs: 0n,
    attributes: { monetization_event: false, tries: 3 },
  });
});

test('a conversion is read by its model’s names and by those of track_conversion', () => {
  const byModel = parse({
    type: 'conversion',
    id: 'c',
    interaction_id: 'i',
    trigger_message: 'buy',
    intent_score: 0.6,
    bot_message: 'sold',
    outcome: 'purchased',
    conversion_value: 29.99,
    currency: 'EUR',
    checkout_completed: true,
    pages_visited: ['a', 'b'],
    time_to_conversion_seconds: 531,
  });
  const bySnippet = parse({
    type: 'conversion',
    id: 'c',
    interaction_id: 'i',
    trigger: 'buy',
    intent_confidence: 0.6,
    bot_response: 'sold',
    outcome: 'purchased',
    value: 29.99,
    currency: 'EUR',
    completed: true,
    journey: ['a', 'b'],
    time_taken: 531,
  });
  expect(bySnippet.event).toEqual(byModel.event);
  expect(byModel.event.payload.value).toMatchObject({
    outcome: Outcome.PURCHASED,
    value: { currencyCode: 'EUR', minorUnits: 2999n },
  });
});

test('a rating of null is one that was asked for and not given', () => {
  const { event } = parse({ type: 'feedback', id: 'f', bot_id: 'b', csat_rating: null });
  expect(event.payload.value).toMatchObject({ type: FeedbackType.CSAT });
  expect(event.payload.value).not.toHaveProperty('rating');
});

test('an answer whose text is left out is one all the same', () => {
  const line = { id: 'i', bot_id: 'b', response_omitted: true };
  for (const type of ['interaction', 'completion']) {
    expect(parse({ ...line, type }).event.payload.value).toMatchObject({ responseOmitted: true });
  }
});

test('a completion has its interaction’s id', () => {
  expect(parse({ type: 'completion', interaction_id: 'i-1', response_text: 'Yes' }).event.eventId).toBe(
    'i-1',
  );
});

test('a line without an id has one that depends on its content alone', () => {
  const line = { type: 'member', member_id: 'm-1', segments: ['paid_subscriber'] };
  expect(parse(line).event.eventId).toBe(parse(line).event.eventId);
  expect(parse(line).event.eventId).not.toBe(parse({ ...line, segments: [] }).event.eventId);
});

test('a time without zone is UTC', () => {
  const { event } = parse({ type: 'user', user_id: 'u', timestamp: '2026-03-01 12:00:00.5' });
  expect(event.occurredAt).toMatchObject({
    seconds: BigInt(Date.parse('2026-03-01T12:00:00Z') / 1000),
    nanos: 500_000_000,
  });
});

test.each([
  ['no JSON', '{', /Not JSON/],
  ['no object', '[1]', /Not a JSON object/],
  ['no type', '{}', /^type: must be one of interaction, completion/],
  ['an unknown type', '{"type":"toString"}', /^type: must be one of/],
  [
    'an unknown outcome',
    '{"type":"conversion","outcome":"bought"}',
    /^outcome: must be one of purchased, visited/,
  ],
  [
    'a day that there is not',
    '{"type":"user","timestamp":"2026-02-30T00:00:00Z"}',
    /^timestamp: must be an RFC 3339/,
  ],
  ['a text that is an object', '{"type":"user","user_id":{}}', /^user_id: must be a text/],
  [
    'a time that is a text',
    '{"type":"completion","response_time_ms":"fast"}',
    /^response_time_ms: must be a number/,
  ],
  ['a broken surrogate', '{"type":"user","user_id":"\\ud800"}', /^user_id: must be well-formed/],
  ['an infinite amount', '{"type":"conversion","conversion_value":1e999}', /at most 10\^12/],
])('a line with %s is refused for it', (_, line, message) => {
  expect(() => parseLine(line, { defaultCurrency: 'USD' })).toThrow(message);
});
