import type { BucketLevel, Range, WindowCut } from '@parley/calendar';
import { levelNumbers } from '../projection/cell.ts';

/** A window with the buckets that it is cut into. */
export interface CutWindow {
  readonly start: Date;
  readonly end: Date;
  readonly cut: WindowCut;
}

/**
 * Several windows as parameters: the buckets' windows (their places), levels, starts and ends, then windows, starts and
 * ends of what is left. What has no buckets of a level is left too.
 */
export function cutParameters(
  windows: readonly CutWindow[],
  levels: readonly BucketLevel[],
): readonly unknown[][] {
  const buckets: (Range & { readonly position: number; readonly level: number })[] = [];
  const left: (Range & { readonly position: number })[] = [];
  for (const [position, { cut }] of windows.entries()) {
    for (const [level, ranges] of [
      ['day', cut.days],
      ['hour', cut.hours],
      ['quarter', cut.quarters],
    ] as const) {
      for (const range of ranges) {
        if (levels.includes(level)) buckets.push({ position, level: levelNumbers[level], ...range });
        else left.push({ position, ...range });
      }
    }
    for (const edge of cut.edges) left.push({ position, ...edge });
  }
  return [
    buckets.map(({ position }) => position),
    buckets.map(({ level }) => level),
    buckets.map(({ start }) => start),
    buckets.map(({ end }) => end),
    left.map(({ position }) => position),
    left.map(({ start }) => start),
    left.map(({ end }) => end),
  ];
}
