import { DomainError } from '@parley/errors';
import { expect, test } from 'vitest';
import { parseTimeZone } from './time-zone.ts';

test.each([
  ['America/New_York', 'America/New_York'],
  ['asia/kathmandu', 'Asia/Kathmandu'],
  ['UTC', 'UTC'],
  ['Etc/GMT+5', 'Etc/GMT+5'],
])('%s is the zone %s', (text, zone) => {
  expect(parseTimeZone(text)).toBe(zone);
});

test.each([
  '',
  'Europe/Berlinn',
  '+05:45',
  'Z',
  'GMT+25',
  'UTC\0',
  ' UTC',
  '../etc/passwd',
  'a'.repeat(10_000),
])('%j is refused as no zone of the database', (text) => {
  expect(() => parseTimeZone(text, 'window.time_zone')).toThrow(
    expect.objectContaining({
      kind: 'invalid-argument',
      violations: [expect.objectContaining({ field: 'window.time_zone', reason: 'UNKNOWN_TIME_ZONE' })],
    }),
  );
  expect(() => parseTimeZone(text)).toThrow(DomainError);
});
