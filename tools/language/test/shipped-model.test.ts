import { readFileSync } from 'node:fs';
import { decodeSentimentModel, encodeSentimentModel, readSentiment, trainSentiment } from '@parley/language';
import { expect, test } from 'vitest';
import { hasDataSets } from '../data-sets.ts';
import { readLexicon, readTrainingExamples } from '../sentiment-data.ts';

const file = new URL('../../../libs/domain/language/models/sentiment.bin', import.meta.url);
const bytes = readFileSync(file);
const model = decodeSentimentModel(bytes);

test.each([
  ['positive', 'Thank you so much, that was really helpful!'],
  ['positive', 'great, I love it'],
  ['negative', 'This is terrible, nothing works and nobody helps me.'],
  ['negative', "I'm very disappointed with your service"],
  ['neutral', 'What time does the train leave tomorrow?'],
])('the shipped model reads as %s: %s', (sentiment, text) => {
  expect(readSentiment(model, text).sentiment).toBe(sentiment);
});

// Needs the data sets, which are no part of the repository.
test.runIf(hasDataSets())('the shipped model is what the training makes of the data', () => {
  expect(
    Buffer.from(encodeSentimentModel(trainSentiment(readLexicon(), readTrainingExamples()))).equals(bytes),
  ).toBe(true);
});
