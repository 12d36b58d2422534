import { expect, test } from 'vitest';
import { createModelCache } from './model-cache.ts';

test('beyond its bytes, the model that was not used for longest is given up', () => {
  const cache = createModelCache<string>(100);
  cache.keep('a', 'A', 40);
  cache.keep('b', 'B', 40);
  expect(cache.find('a')).toBe('A');
  cache.keep('c', 'C', 40);
  expect(['a', 'b', 'c'].map((key) => cache.find(key))).toEqual(['A', undefined, 'C']);
  cache.keep('large', 'L', 1_000);
  expect(['a', 'c', 'large'].map((key) => cache.find(key))).toEqual([undefined, undefined, 'L']);
});
