/** What a model that has not seen a text reads from it. */
export interface HeldOutReading {
  /** The intent that it stands for. */
  readonly label: string;
  /** It stands for no intent that the model knows. */
  readonly isOutside: boolean;
  readonly bestIntent: string;
  readonly intentConfidence: number;
  readonly outOfScope: number;
}

/** How good a model is on texts that it has not seen. */
export interface IntentQuality {
  /** Parts that the examples were cut into; 0 where there were too few to say anything. */
  readonly foldCount: number;
  /** The share of texts inside whose likeliest intent was right. */
  readonly accuracy: number;
  /** The mean of the intents' F1. */
  readonly macroF1: number;
  /** The area under the ROC curve of the out-of-scope score; undefined without examples outside. */
  readonly outOfScopeAuroc: number | undefined;
  /** The expected calibration error of the confidence over 15 bins (Guo et al., "On Calibration of Modern Neural Networks", 2017). */
  readonly calibrationError: number;
  /** The worst first. */
  readonly intents: readonly QualityOfIntent[];
}

export interface QualityOfIntent {
  readonly intent: string;
  readonly exampleCount: number;
  readonly precision: number;
  readonly recall: number;
  /** What its texts are most often mistaken for; undefined: nothing. */
  readonly confusedWith: string | undefined;
}

const bins = 15;

/** @param hasOutside whether what is outside was really given, not merely left out in turn. */
export function assess(
  readings: readonly HeldOutReading[],
  foldCount: number,
  hasOutside: boolean,
): IntentQuality {
  const inside = readings.filter(({ isOutside }) => !isOutside);
  const right = inside.filter(({ label, bestIntent }) => label === bestIntent).length;
  const intents = qualities(inside);
  const f1s = intents.map(({ precision, recall }) =>
    precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
  );
  const outside = readings.filter(({ isOutside }) => isOutside);
  return {
    foldCount,
    accuracy: share(right, inside.length),
    macroF1: share(
      f1s.reduce((sum, f1) => sum + f1, 0),
      f1s.length,
    ),
    outOfScopeAuroc:
      hasOutside && inside.length > 0 && outside.length > 0
        ? areaUnderRoc(
            inside.map(({ outOfScope }) => outOfScope),
            outside.map(({ outOfScope }) => outOfScope),
          )
        : undefined,
    calibrationError: calibrationError(inside),
    intents: intents
      .map((quality, index) => ({ quality, f1: f1s[index] ?? 0 }))
      .sort((one, other) => one.f1 - other.f1)
      .map(({ quality }) => quality),
  };
}

function qualities(inside: readonly HeldOutReading[]): readonly QualityOfIntent[] {
  const confusions = new Map<string, Map<string, number>>();
  const readAs = new Map<string, number>();
  for (const { label, bestIntent } of inside) {
    const row = confusions.get(label) ?? new Map<string, number>();
    confusions.set(label, row);
    row.set(bestIntent, (row.get(bestIntent) ?? 0) + 1);
    readAs.set(bestIntent, (readAs.get(bestIntent) ?? 0) + 1);
  }
  return [...confusions].map(([intent, row]) => {
    const exampleCount = [...row.values()].reduce((sum, count) => sum + count, 0);
    const right = row.get(intent) ?? 0;
    const [mistaken] = [...row].filter(([other]) => other !== intent).sort((one, other) => other[1] - one[1]);
    return {
      intent,
      exampleCount,
      precision: share(right, readAs.get(intent) ?? 0),
      recall: share(right, exampleCount),
      confusedWith: mistaken?.[0],
    };
  });
}

/** The chance that one from the second is above one from the first; ties count half (Mann and Whitney). */
export function areaUnderRoc(low: readonly number[], high: readonly number[]): number {
  const ranked = [
    ...low.map((score) => ({ score, isHigh: false })),
    ...high.map((score) => ({ score, isHigh: true })),
  ];
  ranked.sort((one, other) => one.score - other.score);
  let ranks = 0;
  for (let start = 0; start < ranked.length;) {
    let end = start;
    while (end < ranked.length && ranked[end]?.score === ranked[start]?.score) end += 1;
    for (let index = start; index < end; index += 1) {
      if (ranked[index]?.isHigh === true) ranks += (start + end + 1) / 2;
    }
    start = end;
  }
  return (ranks - (high.length * (high.length + 1)) / 2) / (low.length * high.length);
}

function calibrationError(inside: readonly HeldOutReading[]): number {
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { label, bestIntent, intentConfidence } of inside) {
    const bin = sums[Math.min(Math.floor(intentConfidence * bins), bins - 1)];
    if (bin === undefined) continue;
    bin.count += 1;
    bin.confidence += intentConfidence;
    bin.right += label === bestIntent ? 1 : 0;
  }
  return sums.reduce(
    (sum, { confidence, right }) => sum + share(Math.abs(confidence - right), inside.length),
    0,
  );
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
