import { setImmediate as nextRound } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createFairTurns } from './fair-turns.ts';

test('who comes when nobody else does does not wait', async () => {
  const turns = createFairTurns();
  expect(turns.next('a')).toBeUndefined();
  await nextRound();
  await nextRound();
  expect(turns.next('a')).toBeUndefined();
});

test('there is one turn in a round of the loop, and holders take them in turn, however many calls they have', async () => {
  const turns = createFairTurns();
  const begun: string[] = [];
  const call = (holder: string): void => void turns.next(holder)?.then(() => void begun.push(holder));
  for (let count = 0; count < 6; count += 1) call('busy');
  for (let count = 0; count < 2; count += 1) call('quiet');

  const seen: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    await nextRound();
    seen.push(begun.length);
  }
  // The first of the busy one's went ahead.
  expect(begun).toEqual(['busy', 'quiet', 'busy', 'quiet', 'busy', 'busy', 'busy']);
  expect(seen.every((count, round) => count - (seen[round - 1] ?? 0) <= 1)).toBe(true);
  // All are through, so that the next one does not wait.
  expect(turns.next('quiet')).toBeUndefined();
});
