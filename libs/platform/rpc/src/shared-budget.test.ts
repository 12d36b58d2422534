import { expect, test } from 'vitest';
import { createSharedBudget } from './shared-budget.ts';

test('one holder gets half, all together get the whole, and what is given back can be taken again', () => {
  const budget = createSharedBudget(10);
  expect(budget.take('a', 5)).toBe(true);
  expect(budget.take('a', 1)).toBe(false);
  expect(budget.take('b', 4)).toBe(true);
  expect(budget.take('c', 2)).toBe(false);
  expect(budget.take('c', 1)).toBe(true);
  expect(budget.taken).toBe(10);
  budget.giveBack('a', 5);
  expect(budget.take('b', 1)).toBe(true);
  expect(budget.taken).toBe(6);
});
