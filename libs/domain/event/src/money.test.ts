import { expect, test } from 'vitest';
import { fromMinorUnits, toMinorUnits } from './money.ts';

test.each([
  [29, 'USD', 2900n],
  [23.2, 'USD', 2320n],
  [1.005, 'USD', 101n],
  [0.1 + 0.2, 'USD', 30n],
  [-0.005, 'USD', -1n],
  [1e-7, 'USD', 0n],
  [1234.5, 'JPY', 1235n],
  [1.2345, 'BHD', 1235n],
])('%d %s is %d minor units', (amount, currency, minorUnits) => {
  expect(toMinorUnits(amount, currency)).toBe(minorUnits);
});

test('minor units go back to the number that they came from', () => {
  expect(fromMinorUnits(toMinorUnits(23.2, 'USD'), 'USD')).toBe(23.2);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e13])('%d is refused', (amount) => {
  expect(() => toMinorUnits(amount, 'USD')).toThrow(/at most/);
});

test('what is no currency code is refused', () => {
  expect(() => toMinorUnits(1, 'usd')).toThrow(/ISO 4217/);
});
