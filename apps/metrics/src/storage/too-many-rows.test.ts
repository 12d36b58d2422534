import { expect, test } from 'vitest';
import { maxRows, requireFewRows } from './too-many-rows.ts';

test('one row too many is refused, with how many may be read', () => {
  expect(() => requireFewRows(maxRows, 'interactions')).not.toThrow();
  expect(() => requireFewRows(maxRows + 1, 'interactions')).toThrow(
    expect.objectContaining({
      kind: 'resource-exhausted',
      reason: 'TOO_MANY_ROWS',
      facts: { rows: '2000001', limit: '2000000' },
    }),
  );
});
