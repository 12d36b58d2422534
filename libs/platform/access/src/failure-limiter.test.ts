import { expect, test } from 'vitest';
import { createFailureLimiter } from './failure-limiter.ts';

function limiterAt(start: number) {
  let ms = start;
  const limiter = createFailureLimiter({ burst: 3, perSecond: 1, maxAddresses: 2, now: () => new Date(ms) });
  return { limiter, pass: (more: number) => (ms += more) };
}

test('an address that failed too often waits until a failure is forgiven', () => {
  const { limiter, pass } = limiterAt(0);
  for (let i = 0; i < 3; i++) {
    limiter.check('a');
    limiter.failed('a');
  }
  expect(() => limiter.check('a')).toThrow(
    expect.objectContaining({ kind: 'resource-exhausted', retryAfterMs: 1000 }),
  );
  limiter.check('b');
  pass(1000);
  limiter.check('a');
});

test('memory is bounded: the address that failed longest ago is forgotten', () => {
  const { limiter } = limiterAt(0);
  for (let i = 0; i < 3; i++) limiter.failed('a');
  limiter.failed('b');
  limiter.failed('c');
  limiter.check('a');
});
