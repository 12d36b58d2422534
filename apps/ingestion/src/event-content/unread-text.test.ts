import { create, toBinary } from '@bufbuild/protobuf';
import { EventSchema, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import { expect, test } from 'vitest';
import { readStateOf } from './unread-text.ts';

test.each([
  [{}, ''],
  [{ messageText: 'hi' }, 'text'],
  [{ messageText: 'hi', intent: 'buy' }, 'text intent'],
  [{ messageText: 'hi', sentiment: Sentiment.NEGATIVE, responseText: 'x' }, 'text sentiment'],
  [{ intent: 'buy', understanding: { modelVersion: 'a' } }, 'intent understanding'],
  [{ messageText: '', intent: '', sentiment: Sentiment.UNSPECIFIED, attributes: { intent: 'x' } }, ''],
])('of %j the bytes say: %s', (value, said) => {
  const event = create(EventSchema, {
    eventId: 'i',
    sentAt: { seconds: 1n },
    payload: { case: 'interaction', value: { botId: 'bot', ...value } },
  });
  const state = readStateOf(toBinary(EventSchema, event));
  const names = [
    state.hasText && 'text',
    state.hasIntent && 'intent',
    state.hasSentiment && 'sentiment',
    state.hasUnderstanding && 'understanding',
  ];
  expect(names.filter(Boolean).join(' ')).toBe(said);
});

test('another kind of event has nothing to be read', () => {
  const event = create(EventSchema, {
    eventId: 'c',
    payload: { case: 'completion', value: { interactionId: 'i', responseText: 'hi' } },
  });
  expect(readStateOf(toBinary(EventSchema, event)).hasText).toBe(false);
});
