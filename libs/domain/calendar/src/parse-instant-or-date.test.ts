import { expect, test } from 'vitest';
import { parseInstantOrDate } from './parse-instant-or-date.ts';
import { parseTimeZone } from './time-zone.ts';

const newYork = parseTimeZone('America/New_York');

test.each([
  ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.000Z'],
  ['2026-03-01T12:00:00+05:45', '2026-03-01T06:15:00.000Z'],
  ['2026-03-01t12:00:00.5z', '2026-03-01T12:00:00.500Z'],
  ['2026-03-01T12:00:00.123999999Z', '2026-03-01T12:00:00.123Z'],
  ['1969-12-31T23:59:59.9999Z', '1969-12-31T23:59:59.999Z'],
  ['2026-03-08', '2026-03-08T05:00:00.000Z'],
  ['2026-03-09', '2026-03-09T04:00:00.000Z'],
])('%s means %s', (text, at) => {
  expect(parseInstantOrDate(text, newYork).toISOString()).toBe(at);
});

test.each([
  '2026-03-01T12:00:00',
  '2026-03-01 12:00:00Z',
  '2026-02-29T12:00:00Z',
  '2026-03-01T24:00:00Z',
  '2026-03-01T12:00:60Z',
  '2026-03-01T12:00:00+24:00',
  '2026-03-01T12:00:00.Z',
  '2026-02-29',
  'yesterday',
  '',
  '1772366400',
])('%j is refused', (text) => {
  expect(() => parseInstantOrDate(text, newYork, '--from')).toThrow(
    expect.objectContaining({
      kind: 'invalid-argument',
      violations: [expect.objectContaining({ field: '--from', reason: 'INVALID_INSTANT' })],
    }),
  );
});
