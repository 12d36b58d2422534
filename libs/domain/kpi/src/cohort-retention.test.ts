import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as retention from './cohort-retention.ts';
import type { MemberSets, RetentionInput } from './cohort-retention.ts';

const sets: MemberSets<readonly number[]> = {
  count: ({ length }) => length,
  countCommon: (members, others) => members.filter((member) => others.flat().includes(member)).length,
  unite: (all) => [...new Set(all.flat())],
  without: (members, others) => members.filter((member) => !others.includes(member)),
};
const cohortRetention = (told: RetentionInput<readonly number[]>) => retention.cohortRetention(told, sets);

const periods = [
  [1, 2, 3, 9],
  [1, 4],
  [2, 5],
  [1, 4, 5],
];
const input: RetentionInput<readonly number[]> = {
  beginnings: periods,
  periods,
  known: [9],
  completedCount: 3,
  mode: 'exact',
  periodCount: 2,
};
const counts = (told: RetentionInput<readonly number[]>) =>
  cohortRetention(told).cohorts.map(({ cells }) => cells.map(({ returnedCount }) => returnedCount));

test('exact retention counts who came back in the very period, and tells nothing of what is not over', () => {
  expect(cohortRetention(input).cohorts.map(({ memberCount }) => memberCount)).toEqual([3, 1, 1, 0]);
  expect(counts(input)).toEqual([
    [3, 1, 1],
    [1, 0, undefined],
    [1, undefined, undefined],
    [undefined, undefined, undefined],
  ]);
});

test('unbounded retention counts who came back then or later', () => {
  expect(counts({ ...input, mode: 'unbounded' })).toEqual([
    [3, 2, 2],
    [1, 1, undefined],
    [1, undefined, undefined],
    [undefined, undefined, undefined],
  ]);
});

test('brackets count who came back in a range, each as long as told', () => {
  const { cohorts } = cohortRetention({ ...input, completedCount: 4, mode: { bracketStarts: [1, 2] } });
  expect(cohorts[0]?.cells).toEqual([
    { start: 1, end: 2, memberCount: 3, returnedCount: 1 },
    { start: 2, end: 3, memberCount: 3, returnedCount: 1 },
  ]);
  const wide = cohortRetention({ ...input, completedCount: 4, mode: { bracketStarts: [1, 3] } });
  expect(wide.cohorts[0]?.cells.map(({ end, returnedCount }) => [end, returnedCount])).toEqual([
    [3, 2],
    [5, undefined],
  ]);
});

test('a cohort may begin in a part of its period, and returns count in all of it', () => {
  const told = cohortRetention({ ...input, beginnings: [[1, 2, 3, 9], [4]], completedCount: 4 });
  expect(told.cohorts.map(({ memberCount }) => memberCount)).toEqual([3, 1]);
  const half = cohortRetention({ ...input, beginnings: [[2]], completedCount: 4 });
  expect(half.cohorts[0]?.cells.map(({ returnedCount }) => returnedCount)).toEqual([1, 0, 1]);
});

test('all cohorts together are those that are long enough known', () => {
  expect(cohortRetention(input).overall).toEqual([
    { start: 0, end: 1, memberCount: 5, returnedCount: 5 },
    { start: 1, end: 2, memberCount: 4, returnedCount: 1 },
    { start: 2, end: 3, memberCount: 3, returnedCount: 1 },
  ]);
});

test('a member is of one cohort, everybody comes back in period 0, and unbounded only falls', () => {
  const day = fc.uniqueArray(fc.nat(12), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(day, { minLength: 1, maxLength: 7 }), day, (periods, known) => {
      const told = { ...input, beginnings: periods, periods, known, completedCount: periods.length };
      const { cohorts } = cohortRetention({ ...told, mode: 'unbounded', periodCount: 6 });
      const everybody = new Set(periods.flat().filter((member) => !known.includes(member)));
      expect(cohorts.reduce((sum, { memberCount }) => sum + memberCount, 0)).toBe(everybody.size);
      for (const { memberCount, cells } of cohorts) {
        expect(cells[0]?.returnedCount).toBe(memberCount);
        const told = cells.flatMap(({ returnedCount }) => returnedCount ?? []);
        expect(told).toEqual(told.toSorted((a, b) => b - a));
      }
    }),
  );
});
