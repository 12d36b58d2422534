import { bucketLengths } from './buckets.ts';
import type { Range } from './range.ts';

/** A window as the fewest buckets, neighbours of one level joined to ranges, in order of time. */
export interface WindowCut {
  /** Whole UTC days. */
  readonly days: readonly Range[];
  /** Whole hours outside those days. */
  readonly hours: readonly Range[];
  /** Whole quarter hours outside those hours. */
  readonly quarters: readonly Range[];
  /** What is left at both ends, each inside one quarter hour. */
  readonly edges: readonly Range[];
}

/**
 * Cuts [start, end) into buckets: together the ranges are exactly the window, and no two overlap. Of each level there
 * are at most two ranges; of an empty window there are none. Throws RangeError when the end is before the start.
 */
export function cutWindow(start: Date, end: Date): WindowCut {
  if (!(start <= end)) throw new RangeError('A window must not end before it starts.');
  const window = [start.getTime(), end.getTime()] as const;
  const days = cut([window], bucketLengths.day);
  const hours = cut(days.left, bucketLengths.hour);
  const quarters = cut(hours.left, bucketLengths.quarter);
  return {
    days: days.whole.map(toRange),
    hours: hours.whole.map(toRange),
    quarters: quarters.whole.map(toRange),
    edges: quarters.left.flatMap(splitAtQuarter).map(toRange),
  };
}

/** Milliseconds since 1970, the end exclusive. */
type Stretch = readonly [start: number, end: number];

/** Takes the whole buckets of that length out of each stretch. */
function cut(stretches: readonly Stretch[], length: number): { whole: Stretch[]; left: Stretch[] } {
  const whole: Stretch[] = [];
  const left: Stretch[] = [];
  for (const [start, end] of stretches) {
    const first = Math.ceil(start / length) * length;
    const last = Math.floor(end / length) * length;
    if (first >= last) {
      left.push([start, end]);
      continue;
    }
    whole.push([first, last]);
    left.push([start, first], [last, end]);
  }
  return { whole, left: left.filter(([start, end]) => start < end) };
}

/** Where no whole quarter hour lies in it, a stretch may still hold the border of two. */
function splitAtQuarter([start, end]: Stretch): readonly Stretch[] {
  const border = Math.ceil(start / bucketLengths.quarter) * bucketLengths.quarter;
  if (border <= start || border >= end) return [[start, end]];
  return [
    [start, border],
    [border, end],
  ];
}

function toRange([start, end]: Stretch): Range {
  return { start: new Date(start), end: new Date(end) };
}
