import { expect, test } from 'vitest';
import { bucketStart } from './buckets.ts';

test.each([
  ['quarter', '2026-03-01T12:44:59.999Z', '2026-03-01T12:30:00.000Z'],
  ['quarter', '2026-03-01T12:45:00.000Z', '2026-03-01T12:45:00.000Z'],
  ['hour', '2026-03-01T12:44:59.999Z', '2026-03-01T12:00:00.000Z'],
  ['day', '2026-03-01T23:59:59.999Z', '2026-03-01T00:00:00.000Z'],
  ['hour', '1969-12-31T23:59:59.999Z', '1969-12-31T23:00:00.000Z'],
] as const)('the %s that holds %s starts at %s', (level, at, start) => {
  expect(bucketStart(level, new Date(at)).toISOString()).toBe(start);
});
