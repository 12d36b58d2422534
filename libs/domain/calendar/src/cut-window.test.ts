import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketLengths, bucketStart } from './buckets.ts';
import type { BucketLevel } from './buckets.ts';
import { cutWindow } from './cut-window.ts';
import type { Range } from './range.ts';

const day = (text: string): Date => new Date(`${text}Z`);
const texts = (ranges: readonly Range[]): string[] =>
  ranges.map(({ start, end }) => `${start.toISOString()}/${end.toISOString()}`);

/** Windows of a second to 400 days, before and after 1970, whose ends are often those of buckets. */
const windows = fc
  .tuple(
    fc.integer({ min: -40_000_000_000, max: 2_000_000_000_000 }),
    fc.integer({ min: 0, max: 400 * bucketLengths.day }),
    fc.constantFrom(1, 1000, bucketLengths.quarter, bucketLengths.hour, bucketLengths.day),
  )
  .map(([from, length, grain]) => {
    const start = Math.floor(from / grain) * grain;
    return { start: new Date(start), end: new Date(start + Math.floor(length / grain) * grain) };
  });

test('the ranges are exactly the window', () => {
  fc.assert(
    fc.property(windows, ({ start, end }) => {
      const cut = cutWindow(start, end);
      const ranges = Object.values(cut)
        .flat()
        .sort((a, b) => a.start.getTime() - b.start.getTime());
      let reached = start.getTime();
      for (const range of ranges) {
        expect(range.start.getTime()).toBe(reached);
        expect(range.end.getTime()).toBeGreaterThan(reached);
        reached = range.end.getTime();
      }
      expect(reached).toBe(end.getTime());
    }),
  );
});

test('each level holds whole buckets, and an edge is less than one', () => {
  fc.assert(
    fc.property(windows, ({ start, end }) => {
      const { days, hours, quarters, edges } = cutWindow(start, end);
      for (const [level, ranges] of [
        ['day', days],
        ['hour', hours],
        ['quarter', quarters],
      ] as const) {
        for (const edge of ranges.flatMap((range) => [range.start, range.end])) {
          expect(bucketStart(level, edge)).toEqual(edge);
        }
      }
      for (const edge of edges) {
        const last = new Date(edge.end.getTime() - 1);
        expect(bucketStart('quarter', edge.start)).toEqual(bucketStart('quarter', last));
        expect(edge.end.getTime() - edge.start.getTime()).toBeLessThan(bucketLengths.quarter);
      }
    }),
  );
});

test('every quarter hour of the window is counted in the longest bucket that lies inside the window', () => {
  const within = windows.map(({ start, end }) => ({
    start,
    end: new Date(Math.min(end.getTime(), start.getTime() + 4 * bucketLengths.day)),
  }));
  fc.assert(
    fc.property(within, ({ start, end }) => {
      const { days, hours, quarters } = cutWindow(start, end);
      const holds = (ranges: readonly Range[], at: Date) =>
        ranges.some((range) => range.start <= at && at < range.end);
      const inside = (level: BucketLevel, at: Date) => {
        const from = bucketStart(level, at);
        return from >= start && from.getTime() + bucketLengths[level] <= end.getTime();
      };
      for (let t = bucketStart('quarter', start).getTime(); t < end.getTime(); t += bucketLengths.quarter) {
        const at = new Date(t);
        expect(holds(days, at)).toBe(inside('day', at));
        expect(holds(hours, at)).toBe(inside('hour', at) && !inside('day', at));
        expect(holds(quarters, at)).toBe(inside('quarter', at) && !inside('hour', at));
      }
    }),
  );
});

test('a window over the border of two quarter hours, with no whole one in it, is two edges', () => {
  const { days, hours, quarters, edges } = cutWindow(day('2026-03-01T10:10:00'), day('2026-03-01T10:20:00'));
  expect([days, hours, quarters]).toEqual([[], [], []]);
  expect(texts(edges)).toEqual([
    '2026-03-01T10:10:00.000Z/2026-03-01T10:15:00.000Z',
    '2026-03-01T10:15:00.000Z/2026-03-01T10:20:00.000Z',
  ]);
});

test('a window inside one quarter hour is one edge', () => {
  const cut = cutWindow(day('2026-03-01T12:01:00'), day('2026-03-01T12:14:00'));
  expect(cut).toEqual({
    days: [],
    hours: [],
    quarters: [],
    edges: [{ start: day('2026-03-01T12:01:00'), end: day('2026-03-01T12:14:00') }],
  });
});

test('a long window is days between hours between quarter hours between edges', () => {
  const cut = cutWindow(day('2026-03-01T22:40:00'), day('2026-03-04T01:17:30'));
  expect(texts(cut.days)).toEqual(['2026-03-02T00:00:00.000Z/2026-03-04T00:00:00.000Z']);
  expect(texts(cut.hours)).toEqual([
    '2026-03-01T23:00:00.000Z/2026-03-02T00:00:00.000Z',
    '2026-03-04T00:00:00.000Z/2026-03-04T01:00:00.000Z',
  ]);
  expect(texts(cut.quarters)).toEqual([
    '2026-03-01T22:45:00.000Z/2026-03-01T23:00:00.000Z',
    '2026-03-04T01:00:00.000Z/2026-03-04T01:15:00.000Z',
  ]);
  expect(texts(cut.edges)).toEqual([
    '2026-03-01T22:40:00.000Z/2026-03-01T22:45:00.000Z',
    '2026-03-04T01:15:00.000Z/2026-03-04T01:17:30.000Z',
  ]);
});

test('an empty window has no buckets, and one that ends before it starts is refused', () => {
  const at = day('2026-03-01T12:01:00');
  expect(Object.values(cutWindow(at, at)).flat()).toEqual([]);
  expect(() => cutWindow(at, new Date(at.getTime() - 1))).toThrow(RangeError);
  expect(() => cutWindow(at, new Date(Number.NaN))).toThrow(RangeError);
});
