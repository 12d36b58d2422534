import { expect, test } from 'vitest';
import fc from 'fast-check';
import { addMembers, uniteMembers, type MemberSet } from './member-set.ts';

/** A set that came about by adding these one after the other. */
function grow(...batches: readonly (readonly number[])[]): MemberSet | undefined {
  let set: MemberSet | undefined;
  for (const batch of batches) set = addMembers(set, batch) ?? set;
  return set;
}

test('the same members are the same bytes where runs and single members take equally much', () => {
  expect(grow([0, 1, 2, 3], [10, 20])).toEqual(grow([0, 1, 2, 3, 10, 20]));
});

test('the same members are the same bytes, in whatever order and batches they came', () => {
  const runs = (starts: number, longest: number) =>
    fc
      .tuple(fc.nat(starts), fc.integer({ min: 1, max: longest }))
      .map(([from, length]) => Array.from({ length }, (_, index) => from + index));
  // Few and near each other, so that runs and single members often take equally much; and enough for whole bitmaps.
  const batch = fc.oneof({ weight: 5, arbitrary: runs(40, 4) }, { weight: 1, arbitrary: runs(9000, 2000) });
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 30 }), (batches) => {
      const atOnce = grow(batches.flat());
      expect(grow(...batches)).toEqual(atOnce);
      expect(grow(...batches.toReversed())).toEqual(atOnce);
      expect(uniteMembers(atOnce ? [atOnce] : [], [])).toEqual(
        Uint32Array.from(new Set(batches.flat())).toSorted(),
      );
    }),
  );
});
