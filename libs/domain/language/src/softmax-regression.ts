import { shuffle } from './random.ts';
import type { TextVector } from './vectorizer.ts';

export interface SoftmaxTraining {
  readonly vectors: readonly TextVector[];
  /** The class of each vector. */
  readonly labels: readonly number[];
  readonly classCount: number;
  /** How many places the vectors have. */
  readonly dimension: number;
  readonly random: () => number;
  /** How often each example is looked at. */
  readonly passes: number;
  /** How large the first steps are. */
  readonly rate: number;
  /** Told the share that is done, 0 to 1. */
  readonly onProgress: (share: number) => void;
}

/**
 * Trains all classes at once by multinomial logistic regression, with AdaGrad (Duchi, Hazan, Singer, 2011). That it ends
 * after some passes keeps it from learning the examples by heart.
 * @returns the weight of place p for class c at p × classCount + c, the biases at the end.
 */
export function trainSoftmax({
  vectors,
  labels,
  classCount,
  dimension,
  random,
  passes,
  rate,
  onProgress,
}: SoftmaxTraining): Float32Array {
  const weights = new Float32Array((dimension + 1) * classCount);
  // Starting above nothing keeps the first steps small.
  const squares = new Float32Array(weights.length).fill(1e-2);
  const order = Int32Array.from(vectors.keys());
  const errors = new Float64Array(classCount);
  const biasAt = dimension * classCount;
  for (let pass = 0; pass < passes; pass += 1) {
    shuffle(order, random);
    for (const index of order) {
      const vector = vectors[index];
      if (vector === undefined) continue;
      const { places, values } = vector;
      for (let number = 0; number < classCount; number += 1) errors[number] = weights[biasAt + number] ?? 0;
      for (let at = 0; at < places.length; at += 1) {
        const from = (places[at] ?? 0) * classCount;
        const value = values[at] ?? 0;
        for (let number = 0; number < classCount; number += 1)
          errors[number] = (errors[number] ?? 0) + value * (weights[from + number] ?? 0);
      }
      toErrors(errors, labels[index] ?? 0);
      for (let number = 0; number < classCount; number += 1) {
        const error = errors[number] ?? 0;
        // Most classes are out of the question for most examples.
        if (Math.abs(error) < negligible) continue;
        for (let at = 0; at <= places.length; at += 1) {
          const isBias = at === places.length;
          const to = (isBias ? biasAt : (places[at] ?? 0) * classCount) + number;
          const gradient = error * (isBias ? 1 : (values[at] ?? 0));
          const square = (squares[to] ?? 0) + gradient * gradient;
          squares[to] = square;
          weights[to] = (weights[to] ?? 0) - (rate * gradient) / Math.sqrt(square);
        }
      }
    }
    onProgress((pass + 1) / passes);
  }
  return weights;
}

const negligible = 1e-3;

/** From scores to the slopes of the log loss: the probability of each class, less one for the right one. */
function toErrors(scores: Float64Array, label: number): void {
  let most = -Infinity;
  for (const score of scores) most = Math.max(most, score);
  let total = 0;
  for (let number = 0; number < scores.length; number += 1) {
    const power = Math.exp((scores[number] ?? 0) - most);
    scores[number] = power;
    total += power;
  }
  for (let number = 0; number < scores.length; number += 1)
    scores[number] = (scores[number] ?? 0) / total - (number === label ? 1 : 0);
}
