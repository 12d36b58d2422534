import type { MemberSets } from '@parley/kpi';
import { RoaringBitmap32 } from 'roaring-wasm';

/**
 * Members as a Roaring bitmap in the portable format. The same members are always the same bytes, so that sets can be
 * compared without reading them. Bitmaps live outside the garbage collector: none outlives what this file hands it to.
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
  const [members = new Uint32Array()] = uniteEach(sets, [{ sets: sets.keys(), ordinals }]);
  return members;
}

/** Of whom a union consists: of some of the sets, by their places, and of further members. */
export interface Union {
  readonly sets: Iterable<number>;
  readonly ordinals: Iterable<number>;
}

/** Everybody of each union, in ascending order. A set is read once, however many unions it is in. */
export function uniteEach(sets: readonly MemberSet[], unions: readonly Union[]): readonly Uint32Array[] {
  return ofUnions(sets, unions, (union) => union.toUint32Array());
}

/** How many there are in each union. */
export function countEach(sets: readonly MemberSet[], unions: readonly Union[]): readonly number[] {
  return ofUnions(sets, unions, (union) => union.size);
}

function ofUnions<Result>(
  sets: readonly MemberSet[],
  unions: readonly Union[],
  resultOf: (union: RoaringBitmap32) => Result,
): readonly Result[] {
  const bitmaps: RoaringBitmap32[] = [];
  try {
    for (const set of sets) bitmaps.push(RoaringBitmap32.deserialize('portable', set));
    return unions.map((of) => {
      const union = new RoaringBitmap32();
      try {
        for (const index of of.sets) {
          const bitmap = bitmaps[index];
          if (bitmap !== undefined) union.orInPlace(bitmap);
        }
        union.addMany(of.ordinals);
        return resultOf(union);
      } finally {
        union.dispose();
      }
    });
  } finally {
    for (const bitmap of bitmaps) bitmap.dispose();
  }
}

/** Members to reckon with, inside the space that they were made in. */
export type LiveMembers = RoaringBitmap32;

/** Where sets of members are reckoned with. */
export interface MemberSpace extends MemberSets<LiveMembers> {
  /** Everybody who is in one of the sets or among the ordinals. */
  readonly load: (sets: readonly MemberSet[], ordinals: readonly number[]) => LiveMembers;
  /** How many of them are in both others. */
  readonly countInBoth: (members: LiveMembers, one: LiveMembers, other: LiveMembers) => number;
  /** Their ordinals, ascending. */
  readonly ordinalsOf: (members: LiveMembers) => Uint32Array;
}

/** Hands out a space; when `work` has ended, all that was made in it is let go. */
export async function inMemberSpace<T>(work: (space: MemberSpace) => Promise<T>): Promise<T> {
  const live: LiveMembers[] = [];
  const keep = (bitmap: RoaringBitmap32): LiveMembers => {
    live.push(bitmap);
    return bitmap;
  };
  /** What is needed for a moment alone. */
  const briefly = <Result>(bitmap: RoaringBitmap32, use: (bitmap: RoaringBitmap32) => Result): Result => {
    try {
      return use(bitmap);
    } finally {
      bitmap.dispose();
    }
  };
  try {
    return await work({
      load(sets, ordinals) {
        const union = keep(new RoaringBitmap32());
        for (const set of sets) {
          briefly(RoaringBitmap32.deserialize('portable', set), (bitmap) => union.orInPlace(bitmap));
        }
        union.addMany(ordinals);
        return union;
      },
      count: (members) => members.size,
      countCommon(members, others) {
        const [first, ...more] = others;
        if (first === undefined) return 0;
        if (more.length === 0) return members.andCardinality(first);
        // What is common to each: cohorts are mostly much smaller than the periods that they are looked for in.
        return briefly(RoaringBitmap32.and(members, first), (common) => {
          for (const other of more) {
            briefly(RoaringBitmap32.and(members, other), (part) => common.orInPlace(part));
          }
          return common.size;
        });
      },
      countInBoth: (members, one, other) =>
        briefly(RoaringBitmap32.and(members, one), (common) => common.andCardinality(other)),
      unite: (sets) => keep(RoaringBitmap32.orMany([...sets])),
      without: (members, others) => keep(RoaringBitmap32.andNot(members, others)),
      ordinalsOf: (members) => members.toUint32Array(),
    });
  } finally {
    for (const bitmap of live) bitmap.dispose();
  }
}
