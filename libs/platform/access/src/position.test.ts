import { randomBytes } from 'node:crypto';
import { DomainError } from '@parley/errors';
import { expect, test } from 'vitest';
import { createPositionSealer } from './position.ts';

const sealer = createPositionSealer('a service secret of some length');

test('a sealed position opens to itself, over the whole range', () => {
  for (const position of [
    { partition: 0, offset: 0n },
    { partition: 7, offset: 123_456_789n },
    { partition: 2 ** 32 - 1, offset: 2n ** 64n - 1n },
  ]) {
    expect(sealer.open(sealer.seal(position))).toEqual(position);
    expect(sealer.seal(position)).toHaveLength(22);
  }
});

test('neighbouring positions share nothing that could be read', () => {
  const texts = Array.from({ length: 1000 }, (_, i) => sealer.seal({ partition: 1, offset: BigInt(i) }));
  expect(new Set(texts.map((text) => text.slice(0, 5))).size).toBeGreaterThan(990);
});

test('anything that was not sealed with the same secret is refused as an invalid argument', () => {
  const others = createPositionSealer('another secret').seal({ partition: 1, offset: 1n });
  const own = sealer.seal({ partition: 1, offset: 1n });
  const lastBitsSet = `${own.slice(0, 21)}H`;
  const texts = [
    '',
    'x',
    others,
    `${own}=`,
    ` ${own}`,
    own.slice(1),
    lastBitsSet,
    randomBytes(16).toString('base64url'),
  ];
  for (const text of texts) {
    expect(() => sealer.open(text, 'min_position'), text).toThrow(DomainError);
  }
  expect(() => sealer.open('x', 'min_position')).toThrow('min_position');
});
