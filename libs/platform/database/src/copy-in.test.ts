import { expect, test } from 'vitest';
import { encodeCopy } from './copy-in.ts';
import type { CopyType, CopyValue } from './copy-in.ts';

test('the bytes are those of the documented format', () => {
  const bytes = encodeCopy(['int2', 'text', 'bool'], [[-2, 'é', null]]);
  expect(bytes.toString('hex')).toBe(
    [
      '5047434f50590aff0d0a00', // PGCOPY\n\377\r\n\0
      '0000000000000000', // flags, no extension
      '0003', // three fields
      '00000002fffe',
      '00000002c3a9',
      'ffffffff',
      'ffff', // the end
    ].join(''),
  );
});

test.each<[CopyType, CopyValue]>([
  ['bool', 1],
  ['int2', 40_000],
  ['int4', 2 ** 31],
  ['int4', 1.5],
  ['int8', 2n ** 63n],
  ['int8', Number.NaN],
  ['uuid', '018f0000-0000-7000-8000-00000000000'],
  ['uuid', '018f0000-0000-7000-8000-00000000000g'],
  ['uuid', new Uint8Array(15)],
  ['text', 5],
  ['bytea', 'text'],
  ['timestamptz', new Date(Number.NaN)],
  ['timestamptz', '2026-01-01'],
])('%s refuses %s', (type, value) => {
  expect(() => encodeCopy([type], [[value]])).toThrow();
});

test('a row with too few or too many values is refused', () => {
  expect(() => encodeCopy(['int4', 'int4'], [[1]])).toThrow('1 values for 2 columns');
  expect(() => encodeCopy(['int4'], [[1, 2]])).toThrow('2 values for 1 columns');
});
