import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { writeUuid } from './write-uuid.ts';

test('writes what hex digits say, with hyphens or without, in capitals or not', () => {
  for (const uuid of [randomUUID(), randomUUID().toUpperCase(), randomUUID().replaceAll('-', '')]) {
    const buffer = Buffer.alloc(20, 7);

    expect(writeUuid(buffer, 2, uuid)).toBe(18);

    expect(buffer.subarray(2, 18).toString('hex')).toBe(uuid.replaceAll('-', '').toLowerCase());
    expect([buffer[0], buffer[1], buffer[18], buffer[19]]).toEqual([7, 7, 7, 7]);
  }
});

test.each([
  '',
  'x',
  randomUUID().slice(1),
  `${randomUUID()}0`,
  `${randomUUID()}00`,
  randomUUID().replace(/.$/, 'g'),
  `é${'0'.repeat(31)}`,
])('refuses %j', (text) => {
  expect(() => writeUuid(Buffer.alloc(40), 0, text)).toThrow(/Not a UUID/);
});
