import { expect, test } from 'vitest';
import { normalTwoSidedTail } from './normal.ts';
import { studentTwoSidedQuantile, studentTwoSidedTail } from './student-t.ts';

// Computed by SciPy 1.17, 2 * t.sf.
test.each([
  [1.8608134674868528, 17.776473516178, 0.07939414018735867],
  [2, 1, 0.2951672353008665],
  [-3.5, 4.5, 0.020541689969385577],
  [0.1, 30, 0.9210096117902712],
  [12, 10, 2.921408824769984e-7],
  [2, 1e6, 0.04550053385131924],
])('beyond %d with %d degrees of freedom lies %d', (t, freedom, tail) => {
  expect(Math.abs(studentTwoSidedTail(t, freedom) / tail - 1)).toBeLessThan(1e-9);
});

// The usual tables, to 13 digits.
test.each([
  [0.05, 1, 12.706204736174705],
  [0.05, 5, 2.5705818356363155],
  [0.05, 10, 2.2281388519862753],
  [0.01, 10, 3.1692726726169504],
  [0.05, 30, 2.042272456301238],
])('the tail %d with %d degrees of freedom begins at %d', (tail, freedom, t) => {
  expect(studentTwoSidedQuantile(tail, freedom)).toBeCloseTo(t, 9);
});

test('with many degrees of freedom it is the normal distribution', () => {
  expect(studentTwoSidedTail(1.5, 1e12)).toBeCloseTo(normalTwoSidedTail(1.5), 6);
});

test('impossible arguments are refused', () => {
  expect(() => studentTwoSidedTail(1, 0)).toThrow(RangeError);
  expect(() => studentTwoSidedQuantile(0, 5)).toThrow(RangeError);
});
