import { expect, test } from 'vitest';
import { nightDueAt } from './nightly.ts';

test.each([
  ['2026-03-08T02:59:59.999Z', 3, undefined],
  ['2026-03-08T03:00:00Z', 3, '2026-03-08'],
  ['2026-03-08T05:59:59Z', 3, '2026-03-08'],
  ['2026-03-08T06:00:00Z', 3, undefined],
  ['2026-03-08T23:30:00Z', 23, '2026-03-08'],
  // Begun late in the evening it may begin after midnight, and is still that day's.
  ['2026-03-09T01:30:00Z', 23, '2026-03-08'],
])('at %s the night from %i o’clock on is %s', (now, atHour, night) => {
  expect(nightDueAt(new Date(now), atHour)).toBe(night);
});
