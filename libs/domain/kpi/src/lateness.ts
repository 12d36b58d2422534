/**
 * How late events come: the time from when they occurred to when they were received, as counts by bin. Bins are as wide
 * as a third of an octave, up to seven days; what comes later than that is history that is sent in, and teaches nothing.
 */
export type LatenessCounts = ReadonlyMap<number, number>;

const secondMs = 1_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const longestMs = 7 * dayMs;
/** The last bin, up to seven days. */
const lastBin = Math.ceil(3 * Math.log2(longestMs / secondMs));

/** The bin of a lateness: 0 up to a second, also where clocks say that it came before it occurred. Undefined: too late. */
export function latenessBin(ms: number): number | undefined {
  if (ms > longestMs) return undefined;
  if (ms <= secondMs) return 0;
  return Math.min(Math.ceil(3 * Math.log2(ms / secondMs) - 1e-9), lastBin);
}

/** The longest lateness of a bin. */
function endOf(bin: number): number {
  return bin === lastBin ? longestMs : secondMs * 2 ** (bin / 3);
}

/** What share of the events has been received after so long. */
export interface LatenessCurve {
  /** How many events it is learned from. */
  readonly observationCount: number;
  /** By bin, the share of the events that are no later than the bin's end; ascending, the last one is 1. */
  readonly shares: readonly number[];
}

/** Fewer events say too little. */
export const minLatenessObservations = 1_000;
/** With fewer days, a day on which history was sent in might be most of them. */
const minDays = 3;

/**
 * Learns from the events received on some days, those of each day together: at each bin the median of the days' shares,
 * days of more events counting for more, but none for more than two usual ones. So a day on which history was sent in
 * among others hardly matters. Undefined where too little is known.
 *
 * Days are those of receipt: of events that occurred on a recent day the latest would still be missing.
 */
export function learnLateness(days: readonly LatenessCounts[]): LatenessCurve | undefined {
  const told = days
    .map((counts) => ({ counts, total: [...counts.values()].reduce((sum, count) => sum + count, 0) }))
    .filter(({ total }) => total > 0);
  const observationCount = told.reduce((sum, { total }) => sum + total, 0);
  if (told.length < minDays || observationCount < minLatenessObservations) return undefined;
  const most = 2 * weightedMedian(told.map(({ total }) => ({ value: total, weight: 1 })));
  const sums = told.map(() => 0);
  const shares: number[] = [];
  for (let bin = 0; bin <= lastBin; bin += 1) {
    const ofDays = told.map(({ counts, total }, index) => {
      const sum = (sums[index] ?? 0) + (counts.get(bin) ?? 0);
      sums[index] = sum;
      return { value: sum / total, weight: Math.min(total, most) };
    });
    shares.push(weightedMedian(ofDays));
  }
  return { observationCount, shares };
}

/** The middle one, where the weights of those below and of those above are equal the mean of both. */
function weightedMedian(values: readonly { readonly value: number; readonly weight: number }[]): number {
  const sorted = values.toSorted((one, other) => one.value - other.value);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let below = 0;
  for (const [index, { value, weight }] of sorted.entries()) {
    below += weight;
    if (below > half) return value;
    if (below === half) return (value + (sorted[index + 1]?.value ?? value)) / 2;
  }
  return sorted.at(-1)?.value ?? 0;
}

/** How much of a window is there. */
export interface Completeness {
  /** Of the last hour. */
  readonly newestHour: number;
  /** Of the whole window. */
  readonly window: number;
  /** How many events both are learned from. */
  readonly observationCount: number;
}

/**
 * What share of the events that occurred in a window, up to an instant, is expected to have been received by that instant,
 * as if they occurred evenly: of its last hour before that instant, and of all of it. Undefined where the window is still to
 * come.
 */
export function completenessOf(
  curve: LatenessCurve,
  { start, end }: { readonly start: Date; readonly end: Date },
  at: Date,
): Completeness | undefined {
  const until = Math.min(end.getTime(), at.getTime());
  if (until <= start.getTime()) return undefined;
  const shareSince = (from: number): number => meanShare(curve, at.getTime() - until, at.getTime() - from);
  return {
    newestHour: shareSince(Math.max(start.getTime(), until - hourMs)),
    window: shareSince(start.getTime()),
    observationCount: curve.observationCount,
  };
}

/** The mean of the shares that are received after `from` to `to` milliseconds, exact for a curve of straight pieces. */
function meanShare({ shares }: LatenessCurve, from: number, to: number): number {
  let sum = 0;
  let [begin, shareAtBegin] = [0, 0];
  for (const [bin, share] of shares.entries()) {
    const end = endOf(bin);
    const [low, high] = [Math.max(from, begin), Math.min(to, end)];
    if (low < high) {
      const at = (ms: number): number =>
        shareAtBegin + ((share - shareAtBegin) * (ms - begin)) / (end - begin);
      sum += ((at(low) + at(high)) / 2) * (high - low);
    }
    [begin, shareAtBegin] = [end, share];
  }
  // What is not there after seven days is not waited for.
  sum += Math.max(0, to - Math.max(from, begin));
  return sum / (to - from);
}
