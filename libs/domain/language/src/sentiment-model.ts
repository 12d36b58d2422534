import { partsOf } from './features.ts';
import type { TextParts } from './features.ts';
import { placeOf } from './hash-index.ts';
import type { HashIndex } from './hash-index.ts';
import { valenceOf } from './valence.ts';
import type { ValenceLexicon } from './valence.ts';

/** The three feelings, in the order of a model's classes. */
export const sentiments = ['positive', 'neutral', 'negative'] as const;
export type SentimentName = (typeof sentiments)[number];

/** Reads the feeling of texts: multinomial logistic regression over words, pairs of words and a lexicon. */
export interface SentimentModel {
  readonly lexicon: ValenceLexicon;
  /** The place of each known word or pair, from 0. */
  readonly places: HashIndex;
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
export function readSentiment(model: SentimentModel, text: string | TextParts): SentimentReading {
  const parts = typeof text === 'string' ? partsOf(text) : text;
  const [positive = 0, neutral = 0, negative = 0] = probabilitiesOf(model, sentimentFeatures(model, parts));
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
  { text, words }: TextParts,
): SentimentFeatures {
  const known: number[] = [];
  for (const hash of words.hashes) {
    const place = placeOf(places, hash);
    if (place >= 0) known.push(place);
  }
  const { compound, positiveSum, negativeSum, isExclaimed, isQuestion, isNegated } = valenceOf(lexicon, text);
  return {
    places: known,
    value: 1 / Math.sqrt(Math.max(words.hashes.length, 1)),
    quantities: [
      compound,
      Math.abs(compound),
      Math.min(positiveSum, 10) / 5,
      Math.min(negativeSum, 10) / 5,
      ...compoundSteps.map((step) => (compound > step ? 1 : 0)),
      isExclaimed ? 1 : 0,
      isQuestion ? 1 : 0,
      isNegated ? 1 : 0,
      positiveSum > 0 && negativeSum > 0 ? 1 : 0,
      1,
    ],
  };
}

const compoundSteps = [-0.75, -0.5, -0.25, -0.05, 0.05, 0.25, 0.5, 0.75];

/** The probability of each class. */
export function probabilitiesOf(
  { weights, lexiconWeights }: Pick<SentimentModel, 'weights' | 'lexiconWeights'>,
  { places, value, quantities }: SentimentFeatures,
): readonly number[] {
  let [positive, neutral, negative] = [0, 0, 0];
  for (const place of places) {
    positive += weights[place * 3] ?? 0;
    neutral += weights[place * 3 + 1] ?? 0;
    negative += weights[place * 3 + 2] ?? 0;
  }
  positive *= value;
  neutral *= value;
  negative *= value;
  for (let at = 0; at < quantities.length; at += 1) {
    const quantity = quantities[at] ?? 0;
    positive += quantity * (lexiconWeights[at * 3] ?? 0);
    neutral += quantity * (lexiconWeights[at * 3 + 1] ?? 0);
    negative += quantity * (lexiconWeights[at * 3 + 2] ?? 0);
  }
  const most = Math.max(positive, neutral, negative);
  positive = Math.exp(positive - most);
  neutral = Math.exp(neutral - most);
  negative = Math.exp(negative - most);
  const total = positive + neutral + negative;
  return [positive / total, neutral / total, negative / total];
}
