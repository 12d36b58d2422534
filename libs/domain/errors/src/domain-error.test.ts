import { expect, test } from 'vitest';
import { DomainError, invalidArgument } from './domain-error.ts';

test('what is not said about an error is empty rather than missing', () => {
  expect(new DomainError('There is none.', { kind: 'not-found', reason: 'NONE' })).toMatchObject({
    name: 'DomainError',
    message: 'There is none.',
    kind: 'not-found',
    reason: 'NONE',
    facts: {},
    violations: [],
    retryAfterMs: undefined,
  });
});

test('an error keeps what caused it, and has no cause where there is none', () => {
  const cause = new Error('broken pipe');
  const caused = new DomainError('Try again.', {
    kind: 'unavailable',
    reason: 'GONE',
    cause,
    retryAfterMs: 100,
  });
  expect(caused.cause).toBe(cause);
  expect(caused.retryAfterMs).toBe(100);
  expect('cause' in new DomainError('Try again.', { kind: 'unavailable', reason: 'GONE' })).toBe(false);
});

test('refused fields are one error that names each of them', () => {
  const violations = [
    { field: 'events[3].interaction.bot_id', description: 'must not be empty' },
    { field: 'page_size', description: 'must be 0 or more', reason: 'TOO_SMALL' },
  ];
  const error = invalidArgument(violations);
  expect(error.kind).toBe('invalid-argument');
  expect(error.reason).toBe('INVALID_FIELDS');
  expect(error.violations).toEqual(violations);
  expect(error.message).toBe('events[3].interaction.bot_id: must not be empty; page_size: must be 0 or more');
});
