import { shuffle } from './random.ts';
import type { TextVector } from './vectorizer.ts';

export interface SvmOptions {
  /** What an example on the wrong side costs; 1 is usual. */
  readonly cost: number;
  /** Passes over the examples at most. */
  readonly passes: number;
  /** A pass that moves no dual variable's gradient by more ends the training. */
  readonly tolerance: number;
}

/**
 * Trains one linear classifier, positive against the rest, with squared hinge loss and L2 regularisation, by dual
 * coordinate descent with shrinking (Hsieh et al., "A dual coordinate descent method for large-scale linear SVM", 2008, algorithm 3).
 * The last weight is the bias, as that of a feature that is always 1.
 */
export function trainSvm(
  vectors: readonly TextVector[],
  isPositive: (index: number) => boolean,
  dimension: number,
  random: () => number,
  { cost, passes, tolerance }: SvmOptions,
): Float64Array {
  const weights = new Float64Array(dimension + 1);
  const duals = new Float64Array(vectors.length);
  const diagonal = 1 / (2 * cost);
  const signs = new Int8Array(vectors.length);
  const curvatures = new Float64Array(vectors.length);
  for (const [index, { values }] of vectors.entries()) {
    signs[index] = isPositive(index) ? 1 : -1;
    let squares = 1;
    for (const value of values) squares += value * value;
    curvatures[index] = squares + diagonal;
  }
  // Examples far on their right side are set aside until the rest is settled, then all are looked at once more.
  let active = Int32Array.from(signs.keys());
  let bound = Infinity;
  for (let pass = 0; pass < passes; pass += 1) {
    let highest = -Infinity;
    let lowest = Infinity;
    let kept = 0;
    shuffle(active, random);
    for (const index of active) {
      const vector = vectors[index];
      if (vector === undefined) continue;
      const { places, values } = vector;
      const sign = signs[index] ?? 0;
      const dual = duals[index] ?? 0;
      let product = weights[dimension] ?? 0;
      for (let at = 0; at < places.length; at += 1) {
        product += (weights[places[at] ?? 0] ?? 0) * (values[at] ?? 0);
      }
      const gradient = sign * product - 1 + diagonal * dual;
      if (dual === 0 && gradient > bound) continue;
      active[kept] = index;
      kept += 1;
      const projected = dual === 0 ? Math.min(gradient, 0) : gradient;
      highest = Math.max(highest, projected);
      lowest = Math.min(lowest, projected);
      if (Math.abs(projected) < 1e-12) continue;
      const next = Math.max(dual - gradient / (curvatures[index] ?? 1), 0);
      const change = (next - dual) * sign;
      duals[index] = next;
      for (let at = 0; at < places.length; at += 1) {
        const place = places[at] ?? 0;
        weights[place] = (weights[place] ?? 0) + change * (values[at] ?? 0);
      }
      weights[dimension] = (weights[dimension] ?? 0) + change;
    }
    const isComplete = active.length === vectors.length;
    active = active.subarray(0, kept);
    if (highest - lowest <= tolerance) {
      if (isComplete) break;
      active = Int32Array.from(signs.keys());
      bound = Infinity;
    } else {
      bound = highest <= 0 ? Infinity : highest;
    }
  }
  return weights;
}
