import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareCounts } from './compare-counts.ts';

test('breast cancer after many X-rays is more frequent than chance', () => {
  // 41 cases in 28,010 woman-years against 15 in 19,017: K. J. Rothman and S. Greenland, Modern Epidemiology. The ratio is
  // published; interval and p-value are those of the share 41 of 56, computed by SciPy.
  const compared = compareCounts({ count: 41, time: 28_010 }, { count: 15, time: 19_017 });
  expect(compared?.ratio).toBeCloseTo(1.855758657622277, 12);
  expect(compared?.interval.lower).toBeCloseTo(1.0357847261224558, 10);
  expect(compared?.interval.upper).toBeCloseTo(3.324860956612414, 10);
  expect(compared?.pValue).toBeCloseTo(0.037362890745781266, 10);
});

test('the interval excludes 1 exactly where the p-value is below 1 in 20', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), fc.integer({ min: 1, max: 9 }), (a, b, time) => {
      const compared = compareCounts({ count: a, time }, { count: b, time: 5 });
      if (compared === undefined) return expect(a + b).toBe(0);
      const { lower, upper } = compared.interval;
      expect(lower > 1 || upper < 1).toBe(compared.pValue < 0.05);
    }),
  );
});

test('against nothing the ratio is infinite, and of nothing there is none', () => {
  const something = { count: 9, time: 1 };
  const nothing = { count: 0, time: 1 };
  const { ratio, interval } = compareCounts(something, nothing) ?? {};
  expect([ratio, interval?.upper]).toEqual([Infinity, Infinity]);
  expect(interval?.lower).toBeGreaterThan(1);
  expect(compareCounts(nothing, nothing)).toBeUndefined();
  expect(() => compareCounts(something, { count: 1, time: 0 })).toThrow(RangeError);
});
