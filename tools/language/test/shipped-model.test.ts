import { readFileSync } from 'node:fs';
import {
  decodeIntentModel,
  decodeSentimentModel,
  encodeIntentModel,
  encodeSentimentModel,
  readIntent,
  readSentiment,
  trainIntents,
  trainSentiment,
} from '@parley/language';
import { expect, test } from 'vitest';
import { readCommonEvaluation, readCommonExamples } from '../common-intents.ts';
import { hasDataSets } from '../data-sets.ts';
import { readLexicon, readTrainingExamples } from '../sentiment-data.ts';

const shipped = (file: string) =>
  readFileSync(new URL(`../../../libs/domain/language/models/${file}`, import.meta.url));
const bytes = shipped('sentiment.bin');
const model = decodeSentimentModel(bytes);
const intentBytes = shipped('intents.bin');
const intents = decodeIntentModel(intentBytes);

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
test.runIf(hasDataSets())(
  'the shipped models are what the training makes of the data',
  () => {
    expect(Buffer.from(encodeIntentModel(trainIntents(readCommonExamples()).model)).equals(intentBytes)).toBe(
      true,
    );
    expect(
      Buffer.from(encodeSentimentModel(trainSentiment(readLexicon(), readTrainingExamples()))).equals(bytes),
    ).toBe(true);
  },
  60_000,
);

test('of lines written to measure by, most are read right, inside and outside', () => {
  const lines = readCommonEvaluation('test').map((line) => ({
    ...line,
    ...readIntent(intents, line.text, 0.3),
  }));
  const share = (some: typeof lines) =>
    some.filter(({ label, intent }) => label === intent).length / some.length;
  expect(share(lines.filter(({ label }) => label !== 'fallback'))).toBeGreaterThan(0.75);
  expect(share(lines.filter(({ label }) => label === 'fallback'))).toBeGreaterThan(0.8);
});

test('of another language and of nonsense, hardly anything is taken for an intent', () => {
  const strange = [
    'wo finde ich den eingang zum museum',
    'les oiseaux chantent dans la forêt',
    'la ventana de la cocina está abierta',
    'мой брат живёт в другом городе',
    '这本书很有意思',
    'xkcd wqzv plmk',
    'rrrr tttt',
  ];
  const read = strange.filter((text) => readIntent(intents, text, 0.3).intent !== 'fallback');
  expect(read.length).toBeLessThanOrEqual(1);
});

// Needs the data sets, which are no part of the repository.
test.runIf(hasDataSets())(
  'hardly a line to measure by is one that was trained on, short greetings aside',
  () => {
    const plain = (text: string) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} ]/gu, '')
        .trim();
    const trained = new Set(readCommonExamples().map(({ text }) => plain(text)));
    const both = readCommonEvaluation('test').filter(({ text }) => trained.has(plain(text)));
    expect(both.length).toBeLessThanOrEqual(1);
  },
);
