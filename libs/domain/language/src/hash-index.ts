/** Finds the place of a hash among some that are all different. */
export interface HashIndex {
  /** Slots of a power of two, at most half of them taken: a hash stands in its own or in one of the next. */
  readonly slots: Int32Array;
  /** 1 more than the place of the hash in each slot; 0 where none is. */
  readonly places: Int32Array;
  /** The hashes in the order of their places, from 0. */
  readonly hashes: Int32Array;
}

export function createHashIndex(hashes: Int32Array): HashIndex {
  const size = sizeFor(hashes.length);
  const slots = new Int32Array(size);
  const places = new Int32Array(size);
  for (let place = 0; place < hashes.length; place += 1) {
    const hash = hashes[place] ?? 0;
    let slot = hash & (size - 1);
    while (places[slot] !== 0) slot = (slot + 1) & (size - 1);
    slots[slot] = hash;
    places[slot] = place + 1;
  }
  return { slots, places, hashes };
}

/** −1 where the hash has no place. */
export function placeOf({ slots, places }: HashIndex, hash: number): number {
  const mask = slots.length - 1;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const place = places[slot] ?? 0;
    if (place === 0) return -1;
    if (slots[slot] === hash) return place - 1;
  }
}

/** Hashes that are all different, and how often each occurs. */
export interface Tally {
  readonly hashes: Int32Array;
  readonly counts: Uint32Array;
}

/** Counts hashes, in the order in which they come first. */
export function tally(all: readonly number[]): Tally {
  const size = sizeFor(all.length);
  const slots = new Int32Array(size);
  const hashes = new Int32Array(all.length);
  const counts = new Uint32Array(all.length);
  let length = 0;
  for (const hash of all) {
    let slot = hash & (size - 1);
    let number = slots[slot] ?? 0;
    while (number !== 0 && hashes[number - 1] !== hash) {
      slot = (slot + 1) & (size - 1);
      number = slots[slot] ?? 0;
    }
    if (number === 0) {
      hashes[length] = hash;
      length += 1;
      number = length;
      slots[slot] = number;
    }
    counts[number - 1] = (counts[number - 1] ?? 0) + 1;
  }
  return { hashes: hashes.subarray(0, length), counts: counts.subarray(0, length) };
}

function sizeFor(count: number): number {
  let size = 4;
  while (size < 2 * count) size *= 2;
  return size;
}
