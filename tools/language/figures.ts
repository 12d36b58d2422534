import type { LabelledText } from './data-sets.ts';

/** The chance that one of `high` is above one of `low`; ties count half. */
export function areaUnderRoc(low: readonly number[], high: readonly number[]): number {
  const sorted = [...low].sort((one, other) => one - other);
  const below = (score: number, isInclusive: boolean): number => {
    let [start, end] = [0, sorted.length];
    while (start < end) {
      const middle = (start + end) >> 1;
      const value = sorted[middle] ?? 0;
      if (value < score || (isInclusive && value === score)) start = middle + 1;
      else end = middle;
    }
    return start;
  };
  const wins = high.reduce((sum, score) => sum + (below(score, false) + below(score, true)) / 2, 0);
  return wins / (low.length * high.length);
}

/** The expected calibration error over 15 bins. */
export function calibrationError(confidences: readonly number[], rights: readonly boolean[]): number {
  const bins = Array.from({ length: 15 }, () => ({ confidence: 0, right: 0 }));
  for (const [index, confidence] of confidences.entries()) {
    const bin = bins[Math.min(Math.floor(confidence * 15), 14)];
    if (bin === undefined) continue;
    bin.confidence += confidence;
    bin.right += rights[index] === true ? 1 : 0;
  }
  return (
    bins.reduce((sum, { confidence, right }) => sum + Math.abs(confidence - right), 0) / confidences.length
  );
}

/** The mean of the classes' F1. */
export function f1Of(
  classes: readonly string[],
  lines: readonly LabelledText[],
  read: (text: string) => string,
): number {
  const readings = lines.map(({ text }) => read(text));
  const f1s = classes.map((name) => {
    const right = lines.filter(({ label }, index) => label === name && readings[index] === name).length;
    const both =
      lines.filter(({ label }) => label === name).length + readings.filter((one) => one === name).length;
    return both === 0 ? 0 : (2 * right) / both;
  });
  return f1s.reduce((sum, f1) => sum + f1, 0) / f1s.length;
}

/** How much of what was read as a label was right, and how much of each label was found; 0 where there is none. */
export function precisionAndRecall(
  lines: readonly { readonly label: string; readonly intent: string }[],
): readonly { readonly label: string; readonly precision: number; readonly recall: number }[] {
  return [...new Set(lines.map(({ label }) => label))].map((name) => {
    const right = lines.filter(({ label, intent }) => label === name && intent === name).length;
    const read = lines.filter(({ intent }) => intent === name).length;
    const all = lines.filter(({ label }) => label === name).length;
    return { label: name, precision: read === 0 ? 0 : right / read, recall: right / all };
  });
}

/** The numbers below `count` in an order that is always the same and looks like none. */
export function seededOrder(count: number): readonly number[] {
  const keyOf = (index: number): number => Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return Array.from({ length: count }, (_, index) => index).sort((one, other) => keyOf(one) - keyOf(other));
}
