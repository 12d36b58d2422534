import { partsOf } from './features.ts';
import type { TextParts } from './features.ts';
import { calibrate } from './logistic-regression.ts';
import type { Calibrator } from './logistic-regression.ts';
import { vectorize } from './vectorizer.ts';
import type { TextVector, Vocabulary } from './vectorizer.ts';

/** A label that marks examples outside every intent. */
export const outOfScopeLabel = 'oos';
/** What a text outside every intent is taken for; the guide's formulas read this word. */
export const fallbackIntent = 'fallback';
/** A text whose out-of-scope score is above it is taken for `fallback`, unless said otherwise. */
export const usualThreshold = 0.5;

/** Tells the intents apart by a sum of weights for each. */
export interface Classifier {
  /** Its intents, in the order of their numbers. */
  readonly intents: readonly string[];
  readonly vocabulary: Vocabulary;
  /** Sparse weights by place: those of place p stand from starts[p] to starts[p + 1]. */
  readonly starts: Uint32Array;
  /** The class of each weight: an intent's number, or `intents.length` for what is outside. */
  readonly classes: Uint16Array;
  /** Each weight, in units of `unit`. */
  readonly weights: Int16Array;
  readonly unit: number;
  /** One for each class. */
  readonly biases: Float32Array;
  /** Whether the class of what is outside was trained. */
  readonly knowsOutside: boolean;
}

/** Reads the intent of texts. A value: two of equal content read alike. */
export interface IntentModel extends Classifier {
  /** How likely the likeliest intent is right. */
  readonly confidence: Calibrator;
  /** How likely a text is outside every intent. */
  readonly outside: Calibrator;
}

/** What a model reads from a text. */
export interface IntentReading {
  /** `fallback` where the text is taken to be outside. */
  readonly intent: string;
  /** How sure the model is of `bestIntent`, 0 to 1, calibrated. */
  readonly intentConfidence: number;
  /** The likeliest of its intents. */
  readonly bestIntent: string;
  /** How likely the text is outside every intent, 0 to 1. */
  readonly outOfScope: number;
}

/** Reads a text. A text without a word that could tell anything is outside. */
export function readIntent(
  model: IntentModel,
  text: string | TextParts,
  threshold = usualThreshold,
): IntentReading {
  const vector = vectorize(model.vocabulary, typeof text === 'string' ? partsOf(text) : text);
  const scores = scoresOf(model, vector);
  const evidence = evidenceOf(scores, model.intents.length, model.knowsOutside, vector.knownShare);
  const bestIntent = model.intents[evidence.best] ?? fallbackIntent;
  const outOfScope = vector.places.length === 0 ? 1 : calibrate(model.outside, evidence.quantities);
  const intentConfidence = vector.places.length === 0 ? 0 : calibrate(model.confidence, evidence.quantities);
  return {
    intent: outOfScope > threshold ? fallbackIntent : bestIntent,
    intentConfidence,
    bestIntent,
    outOfScope,
  };
}

/** The sum of each class: the logarithm of its odds but for what all have in common. */
export function scoresOf(classifier: Classifier, { places, values }: TextVector): Float64Array {
  const { starts, classes, weights, unit, biases } = classifier;
  const scores = new Float64Array(biases.length);
  for (let at = 0; at < places.length; at += 1) {
    const place = places[at] ?? 0;
    const value = (values[at] ?? 0) * unit;
    const end = starts[place + 1] ?? 0;
    for (let entry = starts[place] ?? 0; entry < end; entry += 1) {
      const number = classes[entry] ?? 0;
      scores[number] = (scores[number] ?? 0) + value * (weights[entry] ?? 0);
    }
  }
  for (let number = 0; number < scores.length; number += 1) {
    scores[number] = (scores[number] ?? 0) + (biases[number] ?? 0);
  }
  return scores;
}

export interface Evidence {
  /** The number of the likeliest intent. */
  readonly best: number;
  /** Its margin, its lead over the second, its share by softmax, the known share of the text, the margin of outside. */
  readonly quantities: readonly number[];
}

/** What the calibrators look at. */
export function evidenceOf(
  scores: Float64Array,
  intentCount: number,
  knowsOutside: boolean,
  knownShare: number,
): Evidence {
  let best = 0;
  let first = -Infinity;
  let second = -Infinity;
  for (let number = 0; number < intentCount; number += 1) {
    const score = scores[number] ?? 0;
    if (score > first) {
      second = first;
      first = score;
      best = number;
    } else if (score > second) second = score;
  }
  let total = 0;
  for (let number = 0; number < intentCount; number += 1) total += Math.exp((scores[number] ?? 0) - first);
  const outside = knowsOutside ? (scores[intentCount] ?? 0) : 0;
  return { best, quantities: [first, first - second, 1 / total, knownShare, outside] };
}
