import { expect, test } from 'vitest';
import { CallFailure } from './call-failure.ts';
import { pauseFor } from './pause-for.ts';

const unavailable = new CallFailure('away', { code: 14 });
const options = { firstPauseMs: 100, longestPauseMs: 1000 };

test('the whole pause is random, and its bound doubles up to the longest', () => {
  const bounds = [1, 2, 3, 4, 5, 60].map((attempt) =>
    pauseFor(unavailable, attempt, { ...options, random: () => 1 }),
  );
  expect(bounds).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect(pauseFor(unavailable, 5, { ...options, random: () => 0 })).toBe(0);
});

test('it is never shorter than the service asks, within ten minutes', () => {
  const asked = (retryAfterMs: number) =>
    pauseFor(new CallFailure('full', { code: 8, retryAfterMs }), 1, { ...options, random: () => 0 });
  expect(asked(700)).toBe(700);
  expect(asked(3_600_000)).toBe(600_000);
});

test('what somebody must mend is tried again slowly', () => {
  const unauthenticated = new CallFailure('who?', { code: 16 });
  expect(pauseFor(unauthenticated, 1, { ...options, random: () => 0 })).toBe(500);
});
