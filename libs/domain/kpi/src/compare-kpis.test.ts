import { expect, test } from 'vitest';
import { compareKpis } from './compare-kpis.ts';
import type { KpiValue } from './kpi-value.ts';

const figure = (numerator: number, denominator: number): KpiValue => ({
  value: denominator > 0 ? numerator / denominator : 0,
  hasData: denominator > 0,
  numerator,
  denominator,
  sampleSize: denominator,
  definitionId: 'test/figure',
  unit: 'rate',
});

test('a share that grew by a third may be noise, and is not with ten times the data', () => {
  const few = compareKpis(figure(52, 1_000), figure(40, 1_000), { kind: 'proportion' });
  expect(few).toMatchObject({ method: 'newcombe', isSignificant: false });
  expect(few.change).toBeCloseTo(0.012, 12);
  expect(few.relativeChange).toBeCloseTo(0.3, 12);
  const many = compareKpis(figure(520, 10_000), figure(400, 10_000), { kind: 'proportion' });
  expect(many.isSignificant).toBe(true);
});

test('a mean is compared by its values’ moments', () => {
  // Student's sleep data, see @parley/statistics.
  const now = { count: 10, sum: 23.3, squareSum: 90.37 };
  const before = { count: 10, sum: 7.5, squareSum: 34.43 };
  const change = compareKpis(figure(23.3, 10), figure(7.5, 10), { kind: 'mean', now, before });
  expect(change.interval?.lower).toBeCloseTo(-0.20548, 4);
  expect(change.interval?.upper).toBeCloseTo(3.36548, 4);
  expect(change).toMatchObject({ isSignificant: false, method: 'welch' });
});

test('a count is compared with what the earlier rate would have brought in its time', () => {
  const evidence = { kind: 'count', nowMs: 7, beforeMs: 14 } as const;
  const same = compareKpis(figure(100, 1), figure(200, 1), evidence);
  expect(same).toMatchObject({ change: -100, isSignificant: false, method: 'poisson' });
  expect(same.interval?.lower).toBeLessThan(0);
  const twice = compareKpis(figure(200, 1), figure(200, 1), evidence);
  expect(twice).toMatchObject({ change: 0, isSignificant: true });
});

test('what has no data, too few data or nothing to go by is not judged', () => {
  const single = { count: 1, sum: 1, squareSum: 1 };
  for (const change of [
    compareKpis(figure(1, 2), figure(0, 0), { kind: 'proportion' }),
    compareKpis(figure(1, 1), figure(1, 1), { kind: 'mean', now: single, before: single }),
    compareKpis(figure(5, 1), figure(0, 1), { kind: 'count', nowMs: 1, beforeMs: 1 }),
    compareKpis(figure(5, 1), figure(3, 1), undefined),
  ]) {
    expect(change).toMatchObject({ isSignificant: false, method: undefined, interval: undefined });
  }
});
