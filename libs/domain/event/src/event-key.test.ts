import { expect, test } from 'vitest';
import { eventKeyOf } from './event-key.ts';

test('a UUID is its own key, whatever its case', () => {
  expect(eventKeyOf('0190A5E4-7B5C-7CC0-8000-00000000000F')).toBe('0190a5e4-7b5c-7cc0-8000-00000000000f');
});

test('any other id is the first half of its SHA-256', () => {
  // FIPS 180-2, appendix B.1: SHA-256 of "abc".
  expect(eventKeyOf('abc')).toBe('ba7816bf-8f01-cfea-4141-40de5dae2223');
});
