import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  lastBinWithin,
  latencyBin,
  latencyMoments,
  latencyOfBin,
  latencyQuantile,
  longestOfBin,
} from './latency-sketch.ts';

const dayMs = 86_400_000;
const times = fc.oneof(fc.constantFrom(0, 1), fc.nat(3_000), fc.nat(dayMs));

function binsOf(values: readonly number[], sign = 1, into = new Map<number, number>()): Map<number, number> {
  for (const value of values) into.set(latencyBin(value), (into.get(latencyBin(value)) ?? 0) + sign);
  return into;
}

test('a bin stands for each of its times within 1 %', () => {
  fc.assert(
    fc.property(times, (ms) => {
      expect(Math.abs(latencyOfBin(latencyBin(ms)) - ms)).toBeLessThanOrEqual(0.01 * ms + 1e-9);
    }),
  );
});

test('a quantile is within 1 % of the time of its rank', () => {
  fc.assert(
    fc.property(
      fc.array(times, { minLength: 1, maxLength: 300 }),
      fc.constantFrom(0, 0.5, 0.9, 0.95, 0.99, 1),
      (values, quantile) => {
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.floor(quantile * (values.length - 1))] ?? Number.NaN;
        const estimate = latencyQuantile(binsOf(values), quantile) ?? Number.NaN;
        expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(0.01 * exact + 1e-9);
      },
    ),
  );
});

test('parts merge to the whole, and what is taken out was never there', () => {
  fc.assert(
    fc.property(fc.array(times), fc.array(times), (kept, taken) => {
      const bins = binsOf(taken, -1, binsOf(taken, 1, binsOf(kept)));
      for (const quantile of [0, 0.5, 0.99]) {
        expect(latencyQuantile(bins, quantile)).toBe(latencyQuantile(binsOf(kept), quantile));
      }
    }),
  );
});

test('of no times there is no quantile, and a time of 0 is one', () => {
  expect(latencyQuantile(new Map(), 0.5)).toBeUndefined();
  expect(latencyQuantile(binsOf([0, 0, 500]), 0.5)).toBe(0);
});

test('no border of two bins is so near to a whole number that rounding could put it on the wrong side', () => {
  const gamma = 1.01 / 0.99;
  const last = latencyBin(dayMs);
  expect(last).toBeLessThanOrEqual(915);
  for (let bin = 1; bin <= last; bin += 1) {
    const border = gamma ** bin;
    for (const ms of [Math.floor(border), Math.ceil(border)]) {
      const distance = Math.abs(Math.log(ms) / Math.log(gamma) - bin);
      expect(distance).toBeGreaterThan(1e-10);
    }
  }
});

test('the second moment is good for a variance', () => {
  const values = Array.from({ length: 1_000 }, (_, n) => 100 + n);
  const { count, sum, squareSum } = latencyMoments(
    binsOf(values),
    values.reduce((a, b) => a + b, 0),
  );
  const exact = values.reduce((a, b) => a + b * b, 0);
  expect([count, sum]).toEqual([1_000, 599_500]);
  expect(Math.abs(squareSum / exact - 1)).toBeLessThan(0.02);
});

test('a threshold falls between two bins, within 1 % of itself', () => {
  const thresholds = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 3_600_000 }));
  fc.assert(
    fc.property(thresholds, times, (threshold, ms) => {
      const bin = lastBinWithin(threshold);
      expect(latencyOfBin(bin)).toBeLessThanOrEqual(threshold);
      expect(latencyOfBin(bin + 1)).toBeGreaterThan(threshold);
      expect(ms <= longestOfBin(bin)).toBe(latencyBin(ms) <= bin);
      if (ms < threshold * 0.99 - 1) expect(latencyBin(ms)).toBeLessThanOrEqual(bin);
      if (ms > threshold * 1.01 + 1) expect(latencyBin(ms)).toBeGreaterThan(bin);
    }),
    { numRuns: 2_000 },
  );
});
