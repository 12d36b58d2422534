import { expect, test } from 'vitest';
import {
  createValenceLexicon,
  decodeSentimentModel,
  encodeSentimentModel,
  readSentiment,
  trainSentiment,
} from './index.ts';
import { valenceOf } from './valence.ts';

const lexicon = createValenceLexicon(
  Object.entries({ love: 3.2, great: 3.1, hate: -2.7, awful: -2, ':(': -1.9 }),
);
const examples = [
  ...['i love it', 'great work', 'love this great bot'].map((text) => ({
    text,
    sentiment: 'positive' as const,
  })),
  ...['where is it', 'what time is it', 'it is on the table'].map((text) => ({
    text,
    sentiment: 'neutral' as const,
  })),
  ...['i hate it', 'awful work', 'hate this awful bot'].map((text) => ({
    text,
    sentiment: 'negative' as const,
  })),
].flatMap((example) => Array.from({ length: 8 }, () => ({ ...example, weight: 1 })));
const model = trainSentiment(lexicon, examples);

test('a feeling is read, with a score of its sign', () => {
  expect(readSentiment(model, 'I love the new bot!')).toMatchObject({ sentiment: 'positive' });
  expect(readSentiment(model, 'I love the new bot!').score).toBeGreaterThan(0);
  expect(readSentiment(model, 'awful, I hate this')).toMatchObject({ sentiment: 'negative' });
  expect(readSentiment(model, 'awful, I hate this').score).toBeLessThan(0);
});

test('the probabilities are ones, whatever the text', () => {
  for (const text of ['', ' ', '!!!', '你好', 'x'.repeat(20_000), '\ud800']) {
    const { score, confidence } = readSentiment(model, text);
    expect(confidence).toBeGreaterThanOrEqual(1 / 3 - 1e-9);
    expect(confidence).toBeLessThanOrEqual(1);
    expect(Math.abs(score)).toBeLessThanOrEqual(1);
  }
});

test('a negation turns the next words round, emoticons count, other words do not', () => {
  expect(valenceOf(lexicon, 'i love it').compound).toBeGreaterThan(0);
  expect(valenceOf(lexicon, "i don't love it").compound).toBeLessThan(0);
  expect(valenceOf(lexicon, 'not at all sure but later on i love it').compound).toBeGreaterThan(0);
  expect(valenceOf(lexicon, 'ok :(').negativeSum).toBeCloseTo(1.9);
  expect(valenceOf(lexicon, 'the table').compound).toBe(0);
});

test('the same examples and seed give the same bytes, which read again give the same readings', () => {
  const bytes = encodeSentimentModel(model);
  expect(Buffer.from(encodeSentimentModel(trainSentiment(lexicon, examples))).equals(bytes)).toBe(true);
  const again = decodeSentimentModel(bytes);
  for (const { text } of examples) {
    const [one, other] = [readSentiment(again, text), readSentiment(model, text)];
    expect(one.sentiment).toBe(other.sentiment);
    expect(one.score).toBeCloseTo(other.score, 3);
  }
  expect(() => decodeSentimentModel(bytes.subarray(0, -3))).toThrow('no model of sentiment');
});
