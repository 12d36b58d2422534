import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createUuidV7 } from './uuid-v7.ts';

test('an id begins with its time and says its version and variant', () => {
  // The example of RFC 9562, appendix A.6.
  const random = Buffer.from('ffffffffffff0cc3d8c4dc0c0c07398f', 'hex');
  const newId = createUuidV7(
    () => new Date('2022-02-22T19:22:22Z'),
    () => random,
  );
  expect(newId()).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

test('ids of the same instant differ', () => {
  const newId = createUuidV7(() => new Date(0), randomBytes);
  expect(new Set(Array.from({ length: 1000 }, newId)).size).toBe(1000);
});
