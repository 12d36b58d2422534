import { invalidArgument } from '@parley/errors';
import { partsOf } from './features.ts';
import type { TextParts } from './features.ts';
import { evidenceOf, fallbackIntent, outOfScopeLabel, scoresOf } from './intent-model.ts';
import type { Classifier, Evidence, IntentModel } from './intent-model.ts';
import { calibrate, fitCalibrator } from './logistic-regression.ts';
import type { Calibrator } from './logistic-regression.ts';
import { assess } from './intent-quality.ts';
import type { HeldOutReading, IntentQuality } from './intent-quality.ts';
import { createRandom, shuffle } from './random.ts';
import { trainSoftmax } from './softmax-regression.ts';
import { learnVocabulary, vectorize } from './vectorizer.ts';

/** A text with the intent that it stands for, or `oos`. */
export interface IntentExample {
  readonly text: string;
  readonly label: string;
  /** Examples of one group are variants of each other: none is judged by what was learned from the others. */
  readonly group?: string;
}

export interface TrainingOptions {
  /** The same seed and examples, in any order, give the same model; 1 unless told. */
  readonly seed?: number;
  /** Told the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

export interface TrainedIntents {
  readonly model: IntentModel;
  /** By cross-validation. */
  readonly quality: IntentQuality;
}

/** Bounds of a training. */
export const trainingLimits = { examples: 50_000, intents: 500 } as const;

/** More passes change nothing, or learn by heart; of many examples each place is seen often in one. */
const rate = 0.3;
const [passes, passesOfMany, many] = [10, 6, 3_000];
/** Parts times classes while training, at 8 bytes each; of more, the rarest parts are left out. */
const mostWeights = 40_000_000;
/** A part that is in one text alone tells something where there are few. */
const few = 1_500;
/** The largest weights that are kept of all classes together: 1.5 MB. Of 150 intents a tenth, without a loss. */
const keptWeights = 380_000;
const largestWeight = 32_767;
/** With fewer examples outside, intents are left out in turn to stand for what is outside. */
const enoughOutside = 10;

/**
 * Trains a model and tells how good it is: a linear classifier over words, pairs of words and runs of characters, and two
 * calibrators that are fitted on examples that the classifier has not seen. An intent's name is an example of it too.
 * @throws DomainError `invalid-argument` for fewer than two intents, more than the limits, or an empty text.
 */
export function trainIntents(given: readonly IntentExample[], options: TrainingOptions = {}): TrainedIntents {
  const { seed = 1, onProgress = () => undefined } = options;
  const examples = inOrder(requireTrainable(given));
  const parts = examples.map(({ text }) => partsOf(text));
  const folds = foldsOf(examples, createRandom(seed));
  const foldCount = Math.max(...folds) + 1;
  const hasOutside = examples.filter(({ label }) => label === outOfScopeLabel).length >= enoughOutside;
  const intents = intentsOf(examples);
  // Each fold costs about as much as the model itself.
  const rounds = (foldCount > 1 ? foldCount : 0) + 1;
  let round = 0;
  const progress = (share: number): void => onProgress(Math.min((round + share) / rounds, 1));

  const seen: HeldOut[] = [];
  for (let fold = 0; foldCount > 1 && fold < foldCount; fold += 1) {
    // Where nobody gave examples of what is outside, some intents are unknown to this round and stand for it.
    const leftOut = new Set(
      hasOutside || intents.length < 4 ? [] : intents.filter((_, index) => index % foldCount === fold),
    );
    const isTaught = (index: number): boolean =>
      folds[index] !== fold && !leftOut.has(examples[index]?.label ?? '');
    const taught = [...examples.keys()].filter(isTaught);
    const classifier = trainClassifier(
      taught.flatMap((index) => examples[index] ?? []),
      taught.flatMap((index) => parts[index] ?? []),
      seed + fold + 1,
      progress,
    );
    for (const [index, example] of examples.entries()) {
      const part = parts[index];
      if (folds[index] !== fold || part === undefined) continue;
      seen.push(
        holdOut(classifier, example, part, leftOut.has(example.label) || example.label === outOfScopeLabel),
      );
    }
    round += 1;
  }
  const { confidence, outside } = fitCalibrators(seen);
  const classifier = trainClassifier(examples, parts, seed, progress);
  onProgress(1);
  const model = { ...classifier, confidence, outside };
  return {
    model,
    quality: assess(
      seen.map((one) => read(one, confidence, outside)),
      foldCount > 1 ? foldCount : 0,
      hasOutside,
    ),
  };
}

/** What a text that was not taught is read as. */
interface HeldOut {
  readonly label: string;
  readonly isOutside: boolean;
  readonly bestIntent: string;
  readonly evidence: Evidence;
}

function holdOut(
  classifier: Classifier,
  { label }: IntentExample,
  parts: TextParts,
  isOutside: boolean,
): HeldOut {
  const vector = vectorize(classifier.vocabulary, parts);
  const scores = scoresOf(classifier, vector);
  const evidence = evidenceOf(scores, classifier.intents.length, classifier.knowsOutside, vector.knownShare);
  return { label, isOutside, bestIntent: classifier.intents[evidence.best] ?? fallbackIntent, evidence };
}

function read(one: HeldOut, confidence: Calibrator, outside: Calibrator): HeldOutReading {
  const { label, isOutside, bestIntent, evidence } = one;
  return {
    label,
    isOutside,
    bestIntent,
    intentConfidence: calibrate(confidence, evidence.quantities),
    outOfScope: calibrate(outside, evidence.quantities),
  };
}

/** Real traffic has far more outside than examples do; of every five texts one, it is assumed. */
const assumedOdds = 0.25;

/** What is assumed where there are too few examples to see: a margin of 0 is even odds. */
const assumed = {
  confidence: { means: [0, 0, 0, 0, 0], scales: [1, 1, 1, 1, 1], weights: [1, 1, 0, 0, 0, 0] },
  outside: { means: [0, 0, 0, 0, 0], scales: [1, 1, 1, 1, 1], weights: [-2, -1, 0, -1, 0, 0] },
} as const;

function fitCalibrators(seen: readonly HeldOut[]): {
  readonly confidence: Calibrator;
  readonly outside: Calibrator;
} {
  const inside = seen.filter(({ isOutside }) => !isOutside);
  const rights = inside.map(({ label, bestIntent }) => label === bestIntent);
  const quantities = (some: readonly HeldOut[]) => some.map(({ evidence }) => evidence.quantities);
  const canTell = (outcomes: readonly boolean[]) => outcomes.includes(true) && outcomes.includes(false);
  const outsides = seen.map(({ isOutside }) => isOutside);
  return {
    confidence: canTell(rights) ? fitCalibrator(quantities(inside), rights) : assumed.confidence,
    outside: canTell(outsides)
      ? fitCalibrator(
          quantities(seen),
          outsides,
          (inside.length * assumedOdds) / (seen.length - inside.length),
        )
      : assumed.outside,
  };
}

function trainClassifier(
  examples: readonly IntentExample[],
  parts: readonly TextParts[],
  seed: number,
  onProgress: (share: number) => void,
): Classifier {
  const intents = intentsOf(examples);
  const numbers = new Map(intents.map((intent, number) => [intent, number]));
  const labels = examples.map(({ label }) =>
    label === outOfScopeLabel ? intents.length : (numbers.get(label) ?? 0),
  );
  const knowsOutside = labels.includes(intents.length);
  const classCount = intents.length + (knowsOutside ? 1 : 0);
  // "card_arrival" tells what it is about.
  const named = intents.map((intent) => partsOf(wordsOfName(intent)));
  const texts = [...parts, ...named];
  const vocabulary = learnVocabulary(
    texts,
    examples.length < few ? 1 : 2,
    Math.floor(mostWeights / classCount),
  );
  const dimension = vocabulary.rarity.length;
  const trained = trainSoftmax({
    vectors: texts.map((part) => vectorize(vocabulary, part)),
    labels: [...labels, ...named.keys()],
    classCount,
    dimension,
    random: createRandom(seed),
    passes: examples.length > many ? passesOfMany : passes,
    rate,
    onProgress,
  });
  const biases = trained.slice(dimension * classCount);
  return {
    intents,
    vocabulary,
    knowsOutside,
    biases,
    ...toSparse(largestOf(trained, classCount, dimension), dimension),
  };
}

function wordsOfName(intent: string): string {
  return intent.replaceAll(/[_-]+/g, ' ').replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2');
}

/** The largest weights of each class. */
function largestOf(weights: Float32Array, classCount: number, dimension: number): readonly Entry[] {
  const perClass = Math.min(dimension, Math.floor(keptWeights / classCount));
  const entries: Entry[] = [];
  const sizes = new Float32Array(dimension);
  for (let number = 0; number < classCount; number += 1) {
    for (let place = 0; place < dimension; place += 1)
      sizes[place] = Math.abs(weights[place * classCount + number] ?? 0);
    const floor = sizes.toSorted()[Math.max(dimension - perClass, 0)] ?? 0;
    for (let place = 0; place < dimension; place += 1) {
      const weight = weights[place * classCount + number] ?? 0;
      if (weight !== 0 && Math.abs(weight) >= floor) entries.push({ place, number, weight });
    }
  }
  return entries;
}

interface Entry {
  readonly place: number;
  readonly number: number;
  readonly weight: number;
}

function toSparse(
  entries: readonly Entry[],
  dimension: number,
): Pick<IntentModel, 'starts' | 'classes' | 'weights' | 'unit'> {
  const unit = entries.reduce((most, { weight }) => Math.max(most, Math.abs(weight)), 1e-9) / largestWeight;
  const starts = new Uint32Array(dimension + 1);
  for (const { place } of entries) starts[place + 1] = (starts[place + 1] ?? 0) + 1;
  for (let place = 0; place < dimension; place += 1)
    starts[place + 1] = (starts[place + 1] ?? 0) + (starts[place] ?? 0);
  const next = starts.slice();
  const classes = new Uint16Array(entries.length);
  const weights = new Int16Array(entries.length);
  for (const { place, number, weight } of entries) {
    const at = next[place] ?? 0;
    next[place] = at + 1;
    classes[at] = number;
    weights[at] = Math.round(weight / unit);
  }
  return { starts, classes, weights, unit };
}

function requireTrainable(examples: readonly IntentExample[]): readonly IntentExample[] {
  const { examples: mostExamples, intents: mostIntents } = trainingLimits;
  const refuse = (description: string): never => {
    throw invalidArgument([{ field: 'examples', description }]);
  };
  if (examples.length > mostExamples) refuse(`must be at most ${mostExamples}, not ${examples.length}`);
  const empty = examples.findIndex(({ text, label }) => text.trim() === '' || label === '');
  if (empty >= 0) {
    throw invalidArgument([{ field: `examples[${empty}]`, description: 'must have a text and a label' }]);
  }
  const count = intentsOf(examples).length;
  if (count < 2) refuse(`must be of at least two intents besides "${outOfScopeLabel}", not ${count}`);
  if (count > mostIntents) refuse(`must be of at most ${mostIntents} intents, not ${count}`);
  return examples;
}

/** In one order, whatever the order they came in. */
function inOrder(examples: readonly IntentExample[]): readonly IntentExample[] {
  const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
  return [...examples].sort((one, other) => compare(one.label, other.label) || compare(one.text, other.text));
}

function intentsOf(examples: readonly IntentExample[]): readonly string[] {
  return [...new Set(examples.map(({ label }) => label))].filter((label) => label !== outOfScopeLabel).sort();
}

/**
 * The fold of each example, the same for those of one group: five, three where there are many; one for all where fewer
 * than two intents could be told.
 */
function foldsOf(examples: readonly IntentExample[], random: () => number): readonly number[] {
  const groups = Map.groupBy(examples.keys(), (index) => {
    const { label, group } = examples[index] ?? { label: '' };
    return group === undefined ? index : `${label}\n${group}`;
  });
  const ofLabel = Map.groupBy(groups.values(), ([first = 0]) => examples[first]?.label ?? '');
  const told = [...ofLabel].filter(([label, { length }]) => label !== outOfScopeLabel && length > 1);
  const count = told.length < 2 ? 1 : examples.length > many ? 3 : 5;
  const folds = new Array<number>(examples.length).fill(0);
  let next = 0;
  for (const some of ofLabel.values()) {
    const order = Int32Array.from(some.keys());
    shuffle(order, random);
    for (const at of order) {
      for (const index of some[at] ?? []) folds[index] = next % count;
      next += 1;
    }
  }
  return folds;
}
