import { expect, test } from 'vitest';
import { foreignInstant } from './foreign-instant.ts';

test.each([
  ['2026-03-01T08:15:00+05:45', '2026-03-01T02:30:00.000Z'],
  ['2026-03-01 08:15', '2026-03-01T08:15:00.000Z'],
  ['2026-03-01 08:15:30.25 UTC', '2026-03-01T08:15:30.250Z'],
  ['2026-3-1', '2026-03-01T00:00:00.000Z'],
  ['46082', '2026-03-01T00:00:00.000Z'],
  [46082.5, '2026-03-01T12:00:00.000Z'],
  [1772359200, '2026-03-01T10:00:00.000Z'],
  ['1772359200123', '2026-03-01T10:00:00.123Z'],
  ['31.1.2026 9:05', '2026-01-31T09:05:00.000Z'],
  ['1/31/2026 12:05 AM', '2026-01-31T00:05:00.000Z'],
  ['31/1/2026, 9:05:07 pm', '2026-01-31T21:05:07.000Z'],
  ['3/3/2026', '2026-03-03T00:00:00.000Z'],
])('%s is %s', (text, at) => {
  expect(foreignInstant(text, 'timestamp')).toBe(at);
});

test('a date with slashes is read in the order that was told', () => {
  expect(() => foreignInstant('1/2/2026', 'timestamp')).toThrow('--date-order');
  expect(foreignInstant('1/2/2026', 'timestamp', 'mdy')).toBe('2026-01-02T00:00:00.000Z');
  expect(foreignInstant('1/2/2026', 'timestamp', 'dmy')).toBe('2026-02-01T00:00:00.000Z');
});

test.each([
  '',
  'now',
  '2026-02-29',
  '2026-13-01',
  '32.1.2026',
  '2026-03-01 25:00',
  '1/31/2026 13:00 PM',
  '12',
  '2/31/2026',
])('%j is refused', (text) => {
  expect(() => foreignInstant(text, 'timestamp')).toThrow('must be a time');
});
