import fc from 'fast-check';
import { expect, test } from 'vitest';
import { feedbackContribution } from './contributions.ts';
import { addStates, emptyState, kpiCounters, subtractStates } from './kpi-state.ts';
import type { KpiState } from './kpi-state.ts';
import { contributions } from '../test/arbitraries.ts';

const total = (states: readonly KpiState[]): KpiState => states.reduce(addStates, emptyState);

test('events add up to the same state in any order and in any parts', () => {
  const shuffled = fc
    .array(contributions, { maxLength: 40 })
    .chain((states) =>
      fc.tuple(
        fc.constant(states),
        fc.shuffledSubarray(states, { minLength: states.length }),
        fc.array(fc.nat(4), { minLength: states.length, maxLength: states.length }),
      ),
    );
  fc.assert(
    fc.property(shuffled, ([states, otherOrder, partOf]) => {
      const parts = [0, 1, 2, 3, 4].map((part) => total(otherOrder.filter((_, i) => partOf[i] === part)));
      expect(total(parts)).toEqual(total(states));
    }),
  );
});

test('taking a contribution out leaves the state as if it had never been there', () => {
  fc.assert(
    fc.property(fc.array(contributions), contributions, (states, late) => {
      expect(subtractStates(total([late, ...states]), late)).toEqual(total(states));
    }),
  );
});

test('ratings that no binary number holds still add up exactly', () => {
  const rating = (value: number) => feedbackContribution({ type: 'csat', rating: value, scaleMax: 5 });
  const state = total([...Array(10).keys()].map(() => rating(0.1)));
  expect(state.csatSumMicros).toBe(1_000_000);
});

test('every sum is listed', () => {
  expect(kpiCounters).toHaveLength(32);
  expect(new Set(kpiCounters)).toEqual(new Set(Object.keys(emptyState)));
});
