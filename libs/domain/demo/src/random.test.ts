import { expect, test } from 'vitest';
import { chance, createRandom, integer, pick, pickWeighted, shortHash } from './random.ts';

test.each([
  ['', '811c9dc5'],
  ['a', 'e40c292c'],
  ['foobar', 'bf9cf968'],
])('the hash of %j is the published one of FNV-1a', (text, hash) => {
  expect(shortHash(text)).toBe(hash);
});

test('the same seeds draw the same numbers, others draw others', () => {
  const draws = (...seeds: (string | number)[]) => {
    const random = createRandom(...seeds);
    return Array.from({ length: 5 }, random);
  };
  expect(draws(1, 'a')).toEqual(draws(1, 'a'));
  expect(draws(1, 'a')).not.toEqual(draws(2, 'a'));
  expect(draws(1, 'a')).not.toEqual(draws(1, 'b'));
});

test('draws are even', () => {
  const random = createRandom('even');
  const tenths = Array.from({ length: 10 }, () => 0);
  const n = 100_000;
  for (let i = 0; i < n; i += 1) {
    const tenth = integer(random, 0, 9);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  const chiSquared = tenths.reduce((sum, count) => sum + (count - n / 10) ** 2 / (n / 10), 0);
  // The 99.9 % point of chi-squared with 9 degrees of freedom.
  expect(chiSquared).toBeLessThan(27.877);
});

test('what is more likely is drawn more often', () => {
  const random = createRandom('weights');
  const things = [
    { name: 'often', weight: 9 },
    { name: 'seldom', weight: 1 },
    { name: 'never', weight: 0 },
  ];
  const drawn = Array.from({ length: 10_000 }, () => pickWeighted(random, things).name);
  const share = (name: string) => drawn.filter((other) => other === name).length / drawn.length;
  expect(share('often')).toBeCloseTo(0.9, 1);
  expect(share('never')).toBe(0);
  expect(
    Array.from({ length: 10_000 }, () => chance(random, 0.25)).filter(Boolean).length / 10_000,
  ).toBeCloseTo(0.25, 1);
});

test('nothing can be picked from nothing', () => {
  expect(() => pick(createRandom(1), [])).toThrow(RangeError);
  expect(() => pickWeighted(createRandom(1), [])).toThrow(RangeError);
});
