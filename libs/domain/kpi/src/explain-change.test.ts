import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explainChange } from './explain-change.ts';
import type { FigureParts, Segment } from './explain-change.ts';

const segment = (name: string, now: [number, number], before: [number, number]): Segment => ({
  values: [name],
  now: { numerator: now[0], denominator: now[1] },
  before: { numerator: before[0], denominator: before[1] },
});

test('Simpson’s paradox is all mix: each bot got better, and the whole got worse', () => {
  const { change, parts } = explainChange(
    [segment('easy', [95, 100], [810, 900]), segment('hard', [270, 900], [20, 100])],
    10,
  );
  expect(change).toBeCloseTo(0.365 - 0.83, 12);
  const mix = parts.reduce((sum, part) => sum + part.mix, 0);
  const rate = parts.reduce((sum, part) => sum + part.rate, 0);
  // Rate: 0.05 and 0.1, each at a mean share of one half. Mix: 0.8 less at 0.925 and 0.8 more at 0.25.
  expect(rate).toBeCloseTo(0.075, 12);
  expect(mix).toBeCloseTo(-0.8 * 0.925 + 0.8 * 0.25, 12);
  expect(parts.map(({ values }) => values[0])).toEqual(['easy', 'hard']);
});

test('growing where the figure is average brings nothing, and what is new is mix', () => {
  const [grown, shrunk] = explainChange(
    [segment('a', [50, 100], [10, 20]), segment('b', [10, 20], [50, 100])],
    9,
  ).parts;
  for (const part of [grown?.mix, grown?.rate, shrunk?.mix]) expect(part).toBeCloseTo(0, 15);
  const { parts } = explainChange([segment('old', [5, 10], [5, 10]), segment('new', [9, 10], [0, 0])], 9);
  expect(parts.find(({ values }) => values[0] === 'new')).toMatchObject({ rate: 0, shareBefore: 0 });
});

test('without data on one side there is nothing to explain', () => {
  expect(explainChange([segment('a', [1, 2], [0, 0])], 9)).toEqual({ change: 0, parts: [] });
  expect(explainChange([], 9)).toEqual({ change: 0, parts: [] });
});

test('the parts add up to the change exactly, however many there are and however many are told', () => {
  const figures = fc
    .tuple(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: -50_000, max: 1_000_000 }))
    .map(([denominator, numerator]): [number, number] => [denominator === 0 ? 0 : numerator, denominator]);
  const segments = fc
    .array(fc.tuple(figures, figures), { minLength: 1, maxLength: 60 })
    .map((list) => list.map(([now, before], n) => segment(`s${n}`, now, before)));
  fc.assert(
    fc.property(segments, fc.integer({ min: 1, max: 70 }), (told, maxParts) => {
      const { change, parts } = explainChange(told, maxParts);
      expect(parts.length).toBeLessThanOrEqual(maxParts);
      const sum = parts.reduce((total, { mix, rate }) => total + (mix + rate), 0);
      expect(sum).toBe(change);
      const [now, before] = [rateOf(told.map((one) => one.now)), rateOf(told.map((one) => one.before))];
      const size = parts.reduce((total, { mix, rate }) => total + Math.abs(mix) + Math.abs(rate), 0);
      if (parts.length > 0) expect(Math.abs(change - (now - before))).toBeLessThanOrEqual(size * 1e-14);
    }),
    { numRuns: 2_000 },
  );
});

function rateOf(parts: readonly FigureParts[]): number {
  const sum = (pick: (part: FigureParts) => number): number => parts.reduce((all, one) => all + pick(one), 0);
  return sum(({ numerator }) => numerator) / sum(({ denominator }) => denominator);
}

test('what belongs to no share of the denominator is a rate of its own, and still adds up', () => {
  const { change, parts } = explainChange(
    [
      {
        values: ['sales'],
        now: { numerator: 4, denominator: 10 },
        before: { numerator: 2, denominator: 10 },
      },
      {
        values: ['unknown'],
        now: { numerator: 3, denominator: 0 },
        before: { numerator: 1, denominator: 0 },
      },
    ],
    10,
  );
  expect(change).toBeCloseTo(0.4, 12);
  const [first, second] = parts;
  expect(first?.rate).toBeCloseTo(0.2, 12);
  expect(second?.mix).toBeCloseTo(0, 12);
  expect(second?.rate).toBeCloseTo(0.2, 12);
  expect(parts.map(({ values }) => values[0]).sort()).toEqual(['sales', 'unknown']);
});
