import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wilsonInterval } from './wilson-interval.ts';

// R. G. Newcombe, Two-sided confidence intervals for the single proportion: comparison of seven methods. Statistics in
// Medicine 17 (1998) 857-872, table I, method 3.
test.each([
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
])('%d of %d has the published interval', (successes, trials, lower, upper) => {
  const interval = wilsonInterval(successes, trials);
  expect(interval.lower).toBeCloseTo(lower, 4);
  expect(interval.upper).toBeCloseTo(upper, 4);
});

const counts = fc
  .integer({ min: 1, max: 1_000_000_000 })
  .chain((trials) => fc.tuple(fc.integer({ min: 0, max: trials }), fc.constant(trials)));

test('the ends are where the score test just rejects', () => {
  // Wilson's definition: |share - p| = z sqrt(p (1 - p) / n) at both ends.
  fc.assert(
    fc.property(counts, ([successes, trials]) => {
      const { lower, upper } = wilsonInterval(successes, trials);
      for (const p of [lower, upper]) {
        if (p === 0 || p === 1) continue;
        const distance = Math.abs(successes / trials - p);
        expect(distance).toBeCloseTo(1.959963984540054 * Math.sqrt((p * (1 - p)) / trials), 9);
      }
    }),
  );
});

test('the interval holds the share and stays inside 0 and 1', () => {
  fc.assert(
    fc.property(counts, ([successes, trials]) => {
      const { lower, upper } = wilsonInterval(successes, trials);
      expect(lower).toBeGreaterThanOrEqual(0);
      expect(lower).toBeLessThanOrEqual(successes / trials);
      expect(upper).toBeGreaterThanOrEqual(successes / trials);
      expect(upper).toBeLessThanOrEqual(1);
    }),
  );
});

test('a higher level gives a wider interval', () => {
  const usual = wilsonInterval(3, 10);
  const surer = wilsonInterval(3, 10, 0.99);
  expect(surer.lower).toBeLessThan(usual.lower);
  expect(surer.upper).toBeGreaterThan(usual.upper);
});

test.each([
  [1, 0],
  [-1, 10],
  [11, 10],
  [Number.NaN, 10],
])('%d of %d is refused', (successes, trials) => {
  expect(() => wilsonInterval(successes, trials)).toThrow(RangeError);
});
