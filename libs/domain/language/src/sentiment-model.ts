import { partsOf } from './features.ts';
import { valenceOf } from './valence.ts';
import type { ValenceLexicon } from './valence.ts';

/** The three feelings, in the order of a model's classes. */
export const sentiments = ['positive', 'neutral', 'negative'] as const;
export type SentimentName = (typeof sentiments)[number];

/** Reads the feeling of texts: multinomial logistic regression over words, pairs of words and a lexicon. */
export interface SentimentModel {
  readonly lexicon: ValenceLexicon;
  /** The place of each known word or pair, from 0. */
  readonly places: ReadonlyMap<number, number>;
  /** Three weights for each place, one for each class. */
  readonly weights: Float32Array;
  /** Three weights for each quantity that the lexicon gives, and last the biases. */
  readonly lexiconWeights: Float32Array;
}

/** What a model reads from a text. */
export interface SentimentReading {
  readonly sentiment: SentimentName;
  /** The probability of positive less that of negative, −1 to 1. */
  readonly score: number;
  /** The probability of `sentiment`. */
  readonly confidence: number;
}

/** A text without a word is neutral, and one in words that the model does not know nearly so. */
export function readSentiment(model: SentimentModel, text: string): SentimentReading {
  const [positive = 0, neutral = 0, negative = 0] = probabilitiesOf(model, sentimentFeatures(model, text));
  const confidence = Math.max(positive, neutral, negative);
  return {
    sentiment: confidence === neutral ? 'neutral' : confidence === positive ? 'positive' : 'negative',
    score: positive - negative,
    confidence,
  };
}

export interface SentimentFeatures {
  /** Known words and pairs. */
  readonly places: readonly number[];
  /** What each of them counts. */
  readonly value: number;
  /** What the lexicon says, and a 1. */
  readonly quantities: readonly number[];
}

/** What a model looks at in a text. */
export function sentimentFeatures(
  { lexicon, places }: Pick<SentimentModel, 'lexicon' | 'places'>,
  text: string,
): SentimentFeatures {
  const { words } = partsOf(text);
  const known: number[] = [];
  for (const hash of words.keys()) {
    const place = places.get(hash);
    if (place !== undefined) known.push(place);
  }
  const { compound, positiveSum, negativeSum, isExclaimed, isQuestion, isNegated } = valenceOf(lexicon, text);
  const steps = [-0.75, -0.5, -0.25, -0.05, 0.05, 0.25, 0.5, 0.75];
  return {
    places: known,
    value: 1 / Math.sqrt(Math.max(words.size, 1)),
    quantities: [
      compound,
      Math.abs(compound),
      Math.min(positiveSum, 10) / 5,
      Math.min(negativeSum, 10) / 5,
      ...steps.map((step) => (compound > step ? 1 : 0)),
      isExclaimed ? 1 : 0,
      isQuestion ? 1 : 0,
      isNegated ? 1 : 0,
      positiveSum > 0 && negativeSum > 0 ? 1 : 0,
      1,
    ],
  };
}

/** The probability of each class. */
export function probabilitiesOf(
  { weights, lexiconWeights }: Pick<SentimentModel, 'weights' | 'lexiconWeights'>,
  { places, value, quantities }: SentimentFeatures,
): readonly number[] {
  const sums = [0, 0, 0];
  for (let number = 0; number < 3; number += 1) {
    let sum = 0;
    for (const place of places) sum += value * (weights[place * 3 + number] ?? 0);
    for (const [at, quantity] of quantities.entries())
      sum += quantity * (lexiconWeights[at * 3 + number] ?? 0);
    sums[number] = sum;
  }
  const most = Math.max(...sums);
  const powers = sums.map((sum) => Math.exp(sum - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
