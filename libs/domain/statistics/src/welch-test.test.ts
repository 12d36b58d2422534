import { expect, test } from 'vitest';
import type { Moments } from './moments.ts';
import { welchTest } from './welch-test.ts';

const momentsOf = (values: readonly number[]): Moments => ({
  count: values.length,
  sum: values.reduce((sum, value) => sum + value, 0),
  squareSum: values.reduce((sum, value) => sum + value * value, 0),
});

test('Student’s sleep data give what R’s t.test gives', () => {
  // Cushny and Peebles, as in Student (1908); R: t = -1.8608, df = 17.776, p = 0.07939, from -3.3654832 to 0.2054832.
  const one = momentsOf([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2]);
  const two = momentsOf([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]);
  const { difference, interval, pValue } = welchTest(one, two);
  expect(difference).toBeCloseTo(-1.58, 12);
  expect(interval.lower).toBeCloseTo(-3.3654832307117104, 9);
  expect(interval.upper).toBeCloseTo(0.20548323071171137, 9);
  expect(pValue).toBeCloseTo(0.0793941401873583, 10);
});

test('values that do not vary differ for certain or not at all', () => {
  const fives = momentsOf([5, 5, 5]);
  expect(welchTest(fives, momentsOf([4, 4]))).toMatchObject({ difference: 1, pValue: 0 });
  expect(welchTest(fives, momentsOf([5, 5]))).toMatchObject({ difference: 0, pValue: 1 });
});

test('one value has no variance', () => {
  expect(() => welchTest(momentsOf([1]), momentsOf([1, 2]))).toThrow(RangeError);
});
