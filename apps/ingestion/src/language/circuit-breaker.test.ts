import { expect, test } from 'vitest';
import { createCircuitBreaker } from './circuit-breaker.ts';

test('after three failures in a row it is spared, then asked once for each pause until it answers', () => {
  let time = 0;
  const breaker = createCircuitBreaker({ failures: 3, pauseMs: 1_000, now: () => new Date(time) });
  breaker.failed('a');
  breaker.failed('a');
  expect(breaker.allows('a')).toBe(true);
  breaker.failed('a');
  expect([breaker.allows('a'), breaker.allows('b')]).toEqual([false, true]);
  time = 1_000;
  expect([breaker.allows('a'), breaker.allows('a')]).toEqual([true, false]);
  breaker.failed('a');
  time = 1_999;
  expect(breaker.allows('a')).toBe(false);
  time = 2_000;
  expect(breaker.allows('a')).toBe(true);
  breaker.succeeded('a');
  expect([breaker.allows('a'), breaker.allows('a')]).toEqual([true, true]);
});
