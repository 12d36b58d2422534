import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attributeAmount, attributionShares, touchesBefore } from './attribution.ts';
import type { AttributionModel } from './attribution.ts';

const day = 86_400_000;
const models: readonly AttributionModel[] = ['last', 'first', 'linear', 'time_decay', 'position'];

test.each<[AttributionModel, bigint[]]>([
  ['last', [0n, 0n, 0n, 1_000n]],
  ['first', [1_000n, 0n, 0n, 0n]],
  ['linear', [250n, 250n, 250n, 250n]],
  // Weights 1/8, 1/4, 1/2, 1 of 15/8: 66.67, 133.33, 266.67, 533.33; two cents to the largest remainders.
  ['time_decay', [67n, 133n, 267n, 533n]],
  ['position', [400n, 100n, 100n, 400n]],
])('%s of ten dollars over four weekly messages', (model, credits) => {
  expect(attributeAmount(model, [0, 7 * day, 14 * day, 21 * day], 1_000n)).toEqual(credits);
});

test('one message takes all, of two each takes half by position, and a cent that is left goes to the latest', () => {
  for (const model of models) expect(attributeAmount(model, [5], 99n)).toEqual([99n]);
  expect(attributeAmount('position', [1, 2], 101n)).toEqual([50n, 51n]);
  expect(attributeAmount('linear', [1, 2, 3], 100n)).toEqual([33n, 33n, 34n]);
  expect(attributeAmount('linear', [1, 2, 3], -100n)).toEqual([-33n, -33n, -34n]);
  expect(attributeAmount('linear', [], 100n)).toEqual([]);
});

test('credits add up to the amount to the cent, and none has another sign', () => {
  const times = fc
    .array(fc.nat(90 * day), { minLength: 1, maxLength: 60 })
    .map((list) => list.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(
      fc.constantFrom(...models),
      times,
      fc.bigInt(-(10n ** 15n), 10n ** 15n),
      (model, at, amount) => {
        const credits = attributeAmount(model, at, amount);
        expect(credits).toHaveLength(at.length);
        expect(credits.reduce((sum, credit) => sum + credit, 0n)).toBe(amount);
        for (const credit of credits) expect(credit * amount >= 0n).toBe(true);
        const shares = attributionShares(model, at);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
        // No credit is more than a cent from its share.
        for (const [index, share] of shares.entries()) {
          const exact = share * Number(amount);
          expect(Math.abs(Number(credits[index]) - exact)).toBeLessThanOrEqual(1 + Math.abs(exact) * 1e-9);
        }
      },
    ),
  );
});

test('what is after the conversion, or too long before it, has no part in it', () => {
  const touches = [0, 1, 30 * day, 31 * day].map((at) => ({ at }));
  expect(touchesBefore(touches, 30 * day)).toEqual(touches.slice(0, 3));
  expect(touchesBefore(touches, 31 * day)).toEqual(touches.slice(2));
  expect(touchesBefore(touches, 31 * day, 0)).toEqual(touches.slice(3));
});
