import { expect, test } from 'vitest';
import { normalQuantile, normalTwoSidedTail } from './normal.ts';

// The first three are the check values of AS 241 itself; the others are the percentage points of the usual tables,
// computed to 16 digits.
test.each([
  [0.25, -0.6744897501960817],
  [0.001, -3.090232306167814],
  [1e-20, -9.262340089798409],
  [0.5, 0],
  [0.9, 1.2815515655446004],
  [0.95, 1.6448536269514722],
  [0.975, 1.959963984540054],
  [0.99, 2.3263478740408408],
  [0.995, 2.5758293035489004],
  [0.9995, 3.2905267314918945],
  [0.025, -1.959963984540054],
])('the quantile of %d is %d', (p, z) => {
  expect(Math.abs(normalQuantile(p) - z)).toBeLessThanOrEqual(1e-14 * Math.max(1, Math.abs(z)));
});

test('the three parts of the approximation meet', () => {
  for (const p of [0.075, Math.exp(-25)]) {
    const below = normalQuantile(p * (1 - 1e-12));
    const above = normalQuantile(p * (1 + 1e-12));
    expect(above).toBeGreaterThan(below);
    expect(above - below).toBeLessThan(1e-11);
  }
});

test.each([0, 1, -0.1, 1.1, Number.NaN])('%d is no probability to have a quantile', (p) => {
  expect(() => normalQuantile(p)).toThrow(RangeError);
});

// Computed by SciPy 1.17, 2 * norm.sf.
test.each([
  [0, 1],
  [0.5, 0.6170750774519738],
  [1.959963984540054, 0.05],
  [2, 0.04550026389635839],
  [-3, 0.0026997960632601866],
  [8, 1.244192114854348e-15],
  [20, 5.507248237212311e-89],
])('beyond %d, on either side, lies %d', (z, tail) => {
  expect(Math.abs(normalTwoSidedTail(z) / tail - 1)).toBeLessThan(1e-12);
});
