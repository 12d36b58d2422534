/** A calibrated probability: the logistic function of a weighted sum of a few standardised quantities. */
export interface Calibrator {
  readonly means: readonly number[];
  readonly scales: readonly number[];
  /** One for each quantity, then the bias. */
  readonly weights: readonly number[];
}

/** Keeps a calibrator finite where the examples can be told apart without an error. */
const ridge = 1e-2;
const steps = 30;

/** Fits by Newton's method with a small ridge (Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 4.4.1). */
export function fitCalibrator(
  rows: readonly (readonly number[])[],
  outcomes: readonly boolean[],
  /** How much an example with the outcome counts; one without counts 1. */
  weight = 1,
): Calibrator {
  const width = rows[0]?.length ?? 0;
  const means = Array.from({ length: width }, (_, column) => mean(rows.map((row) => row[column] ?? 0)));
  const scales = means.map((center, column) => {
    const variance = mean(rows.map((row) => ((row[column] ?? 0) - center) ** 2));
    return variance > 1e-12 ? Math.sqrt(variance) : 1;
  });
  const inputs = rows.map((row) => [
    ...row.map((value, column) => (value - (means[column] ?? 0)) / (scales[column] ?? 1)),
    1,
  ]);
  let weights = new Array<number>(width + 1).fill(0);
  for (let step = 0; step < steps; step += 1) {
    const gradient = weights.map((weight, column) => (column < width ? ridge * weight : 0));
    const hessian = weights.map((_, row) =>
      weights.map((__, column): number => (row === column ? ridge : 0)),
    );
    for (const [index, input] of inputs.entries()) {
      const probability = logistic(dot(weights, input));
      const counts = outcomes[index] === true ? weight : 1;
      const error = counts * (probability - (outcomes[index] === true ? 1 : 0));
      const curvature = counts * Math.max(probability * (1 - probability), 1e-9);
      for (const [row, left] of input.entries()) {
        gradient[row] = (gradient[row] ?? 0) + error * left;
        const line = hessian[row];
        if (line === undefined) continue;
        for (const [column, right] of input.entries())
          line[column] = (line[column] ?? 0) + curvature * left * right;
      }
    }
    const change = solve(hessian, gradient);
    weights = weights.map((weight, column) => weight - (change[column] ?? 0));
    if (change.every((part) => Math.abs(part) < 1e-8)) break;
  }
  return { means, scales, weights };
}

/** The probability that a calibrator gives to these quantities. */
export function calibrate({ means, scales, weights }: Calibrator, row: readonly number[]): number {
  let sum = weights[row.length] ?? 0;
  for (const [column, value] of row.entries()) {
    sum += ((weights[column] ?? 0) * (value - (means[column] ?? 0))) / (scales[column] ?? 1);
  }
  return logistic(sum);
}

export function logistic(value: number): number {
  return value >= 0 ? 1 / (1 + Math.exp(-value)) : Math.exp(value) / (1 + Math.exp(value));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
}

/** By Gauss' elimination with row pivots; the matrix is small, symmetric and positive. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): readonly number[] {
  const rows = matrix.map((row, index) => [...row, right[index] ?? 0]);
  const size = rows.length;
  for (let column = 0; column < size; column += 1) {
    let pivot = column;
    for (let row = column + 1; row < size; row += 1) {
      if (Math.abs(rows[row]?.[column] ?? 0) > Math.abs(rows[pivot]?.[column] ?? 0)) pivot = row;
    }
    const [top, other] = [rows[column] ?? [], rows[pivot] ?? []];
    rows[column] = other;
    rows[pivot] = top;
    for (let row = 0; row < size; row += 1) {
      const line = rows[row];
      if (row === column || line === undefined) continue;
      const factor = (line[column] ?? 0) / (other[column] ?? 1);
      for (let at = column; at <= size; at += 1) line[at] = (line[at] ?? 0) - factor * (other[at] ?? 0);
    }
  }
  return rows.map((row, index) => (row[size] ?? 0) / (row[index] ?? 1));
}
