import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareProportions } from './compare-proportions.ts';

// Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10.
test.each([
  [56, 70, 48, 80, 0.0524, 0.3339],
  [9, 10, 3, 10, 0.1705, 0.809],
  [6, 7, 2, 7, 0.0582, 0.8062],
  [5, 56, 0, 29, -0.0381, 0.1926],
  [0, 10, 0, 20, -0.1611, 0.2775],
  [10, 10, 0, 20, 0.6791, 1],
])('%d of %d less %d of %d has the published interval', (a, m, b, n, lower, upper) => {
  const { interval } = compareProportions({ successes: a, trials: m }, { successes: b, trials: n });
  expect(interval.lower).toBeCloseTo(lower, 4);
  expect(interval.upper).toBeCloseTo(upper, 4);
});

test('the A/B test of the golden checks is noise', () => {
  const { difference, interval, pValue } = compareProportions(
    { successes: 52, trials: 1000 },
    { successes: 40, trials: 1000 },
  );
  expect(difference).toBeCloseTo(0.012, 12);
  expect(interval.lower).toBeLessThan(0);
  expect(pValue).toBeCloseTo(0.2, 2);
});

test('the other way round it is the same with the other sign', () => {
  const share = fc.nat(500).chain((trials) => fc.tuple(fc.nat(trials), fc.constant(trials + 1)));
  fc.assert(
    fc.property(share, share, ([a, m], [b, n]) => {
      const [one, two] = [
        { successes: a, trials: m },
        { successes: b, trials: n },
      ];
      const there = compareProportions(one, two);
      const back = compareProportions(two, one);
      expect(there.interval.lower).toBeCloseTo(-back.interval.upper, 12);
      expect(there.pValue).toBeCloseTo(back.pValue, 12);
      expect(there.interval.lower).toBeLessThanOrEqual(there.difference);
      expect(there.interval.upper).toBeGreaterThanOrEqual(there.difference);
    }),
  );
});
