import fc from 'fast-check';
import { expect, test } from 'vitest';
import { timestampOf } from './demo-line.ts';
import type { TimedLine } from './demo-line.ts';
import { inTimeOrder } from './in-time-order.ts';

const lineAt = (at: number, id: string): TimedLine => ({
  at,
  line: { type: 'user', id, user_id: id, tenant: 'demo', timestamp: timestampOf(at) },
});

test('the lines of all stories come in the order of time, and those of one time in the order in which they came', () => {
  const stories = fc.array(fc.tuple(fc.nat(9), fc.array(fc.nat(20), { maxLength: 4 })), { maxLength: 12 });
  fc.assert(
    fc.property(stories, (drawn) => {
      let start = 0;
      const told = drawn.map(([gap, delays], s) => {
        start += gap;
        return [start, ...delays.map((delay) => start + delay)].map((at, n) => lineAt(at, `${s}-${n}`));
      });
      // Array's sort keeps the order of what is equal.
      const expected = told.flat().sort((a, b) => a.at - b.at);
      expect([...inTimeOrder(told)]).toEqual(expected);
    }),
  );
});

test('lines come before all stories are known', () => {
  function* endless(): Generator<TimedLine[]> {
    for (let at = 0; ; at += 1) yield [lineAt(at, String(at)), lineAt(at + 5, `${at} later`)];
  }
  const first = inTimeOrder(endless()).take(20).toArray();
  expect(first.map(({ at }) => at)).toEqual([
    0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12,
  ]);
});
