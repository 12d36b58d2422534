import { RoaringBitmap32 } from 'roaring-wasm';

/**
 * Members as a Roaring bitmap in the portable format. The same members are always the same bytes, so that sets can be
 * compared without reading them. Bitmaps live outside the garbage collector: none leaves this file.
 */
export type MemberSet = Uint8Array;

/** The set with these members too; undefined when they were in it already. */
export function addMembers(set: MemberSet | undefined, ordinals: Iterable<number>): MemberSet | undefined {
  const bitmap = set === undefined ? new RoaringBitmap32() : RoaringBitmap32.deserialize('portable', set);
  try {
    const before = bitmap.size;
    bitmap.addMany(ordinals);
    if (set !== undefined && bitmap.size === before) return undefined;
    // Runs wherever they are the shortest form: what the bytes are does not depend on how the set came about. Where
    // runs and single members take equally much, runs would stay and single members too, so runs are dissolved before.
    bitmap.removeRunCompression();
    bitmap.runOptimize();
    return bitmap.serialize('portable');
  } finally {
    bitmap.dispose();
  }
}

/** The set without these members: undefined when none of them was in it, `empty` when nobody is left. */
export function removeMembers(set: MemberSet, ordinals: Iterable<number>): MemberSet | 'empty' | undefined {
  const bitmap = RoaringBitmap32.deserialize('portable', set);
  try {
    const before = bitmap.size;
    for (const ordinal of ordinals) bitmap.delete(ordinal);
    if (bitmap.size === before) return undefined;
    if (bitmap.size === 0) return 'empty';
    // As in `addMembers`: the same members are always the same bytes.
    bitmap.removeRunCompression();
    bitmap.runOptimize();
    return bitmap.serialize('portable');
  } finally {
    bitmap.dispose();
  }
}

/** Whether one of these members is in the set. */
export function holdsAny(set: MemberSet, ordinals: readonly number[]): boolean {
  const bitmap = RoaringBitmap32.deserialize('portable', set);
  try {
    return ordinals.some((ordinal) => bitmap.has(ordinal));
  } finally {
    bitmap.dispose();
  }
}

/** Everybody who is in one of the sets or among the ordinals, each once, in ascending order. */
export function uniteMembers(sets: readonly MemberSet[], ordinals: readonly number[]): Uint32Array {
  const union = new RoaringBitmap32();
  try {
    for (const set of sets) {
      const bitmap = RoaringBitmap32.deserialize('portable', set);
      try {
        union.orInPlace(bitmap);
      } finally {
        bitmap.dispose();
      }
    }
    union.addMany(ordinals);
    return union.toUint32Array();
  } finally {
    union.dispose();
  }
}
