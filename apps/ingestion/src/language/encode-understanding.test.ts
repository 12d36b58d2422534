import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Sentiment, UnderstandingSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { expect, test } from 'vitest';
import { encodeUnderstanding } from './encode-understanding.ts';

const intent = { intent: 'fallback', intentConfidence: 0.25, bestIntent: 'größe', outOfScope: 0.75 };
const nothing = { intent: 'fallback', intentConfidence: 0, bestIntent: 'refund', outOfScope: 0 };
const sentiment = { sentiment: 'negative', score: -0.5, confidence: 0.625 } as const;

test.each([
  ['both', { intent, sentiment, modelVersion: 'intents/3 sentiment/1' }],
  ['an intent', { intent, modelVersion: 'intents/3' }],
  ['zeros', { intent: nothing, sentiment: { ...sentiment, score: 0 }, modelVersion: 'm' }],
  ['a sentiment', { sentiment, modelVersion: 'sentiment/1' }],
])('written by hand are the bytes that the library writes: %s', (_what, understood) => {
  const {
    intent: read,
    sentiment: felt,
    modelVersion,
  } = { intent: undefined, sentiment: undefined, ...understood };
  const message = create(UnderstandingSchema, {
    ...read,
    ...(felt && {
      sentiment: Sentiment.NEGATIVE,
      sentimentScore: felt.score,
      sentimentConfidence: felt.confidence,
    }),
    modelVersion,
  });
  const bytes = encodeUnderstanding(understood);
  expect(fromBinary(UnderstandingSchema, bytes)).toEqual(message);
  expect(bytes).toEqual(toBinary(UnderstandingSchema, message));
});
