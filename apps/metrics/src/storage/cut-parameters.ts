import type { BucketLevel, Range, WindowCut } from '@parley/calendar';
import { levelNumbers } from '../projection/cell.ts';

/** A window with the buckets that it is cut into. */
export interface CutWindow {
  readonly start: Date;
  readonly end: Date;
  readonly cut: WindowCut;
}

/** A stretch of one of several windows. */
interface Part extends Range {
  readonly position: number;
}

/**
 * Several windows as parameters: the buckets' windows (their places), levels, starts and ends, then windows, starts and
 * ends of what is left. What has no buckets of a level is left too.
 */
export function cutParameters(
  windows: readonly CutWindow[],
  levels: readonly BucketLevel[],
): readonly unknown[][] {
  const buckets = partsOf(windows, levels, true);
  const left = leftOf(windows, levels);
  return [
    buckets.map(({ position }) => position),
    buckets.map(({ level }) => levelNumbers[level]),
    buckets.map(({ start }) => start),
    buckets.map(({ end }) => end),
    left.map(({ position }) => position),
    left.map(({ start }) => start),
    left.map(({ end }) => end),
  ];
}

/** What is left of several windows. */
export function leftOf(windows: readonly CutWindow[], levels: readonly BucketLevel[]): readonly Part[] {
  const edges = windows.flatMap(({ cut }, position) => cut.edges.map((edge) => ({ position, ...edge })));
  return [...partsOf(windows, levels, false), ...edges];
}

/** The buckets of the levels, or those of the others. */
function partsOf(
  windows: readonly CutWindow[],
  levels: readonly BucketLevel[],
  isOfLevels: boolean,
): readonly (Part & { readonly level: BucketLevel })[] {
  const parts: (Part & { readonly level: BucketLevel })[] = [];
  for (const [position, { cut }] of windows.entries()) {
    for (const [level, ranges] of [
      ['day', cut.days],
      ['hour', cut.hours],
      ['quarter', cut.quarters],
    ] as const) {
      if (levels.includes(level) !== isOfLevels) continue;
      for (const range of ranges) parts.push({ position, level, ...range });
    }
  }
  return parts;
}
