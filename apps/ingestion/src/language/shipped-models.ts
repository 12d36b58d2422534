import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeSentimentModel, outOfScopeLabel, trainIntents } from '@parley/language';
import { commonExamples } from './common-examples.ts';

/** Of what no bot is asked, so that a text that is about nothing of the common intents becomes `fallback`. */
const outside = [
  'the mitochondria is the powerhouse of the cell',
  'qwerty asdf zxcv',
  'seven sheep crossed the river at dawn',
  'the square root of nine',
  'yesterday my uncle painted his boat',
  'the parliament voted on the budget',
  'clouds over the northern hills',
  'lorem ipsum dolor sit amet',
  'the violin concerto in d minor',
  'photosynthesis needs light and water',
  'banana xylophone purple',
  'the train to the coast leaves from platform four',
];

/** The intents that every tenant has; learned when the thread starts, in some tenths of a second. */
export const commonIntents = trainIntents([
  ...Object.entries(commonExamples).flatMap(([label, texts]) => texts.map((text) => ({ text, label }))),
  ...outside.map((text) => ({ text, label: outOfScopeLabel })),
]).model;
/** As readings name it. */
export const commonIntentsName = 'intents/0';

/** The feeling of texts, as the library ships it. */
export const sentimentModel = decodeSentimentModel(
  readFileSync(fileURLToPath(import.meta.resolve('@parley/language/models/sentiment.bin'))),
);
/** As readings name it. */
export const sentimentModelName = 'sentiment/1';
