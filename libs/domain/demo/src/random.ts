/** Draws a number from [0, 1), evenly and independent of the draws before it. */
export type Random = () => number;

/**
 * A source of draws that depends on its seeds alone: whole-number arithmetic only, so it is the same on every machine.
 * The generator is Chris Doty-Humphrey's sfc32 (PractRand), seeded by 32-bit FNV-1a hashes.
 */
export function createRandom(...seeds: readonly (string | number)[]): Random {
  const text = seeds.join('|');
  let a = fnv1a(text, 0x811c9dc5);
  let b = fnv1a(text, a);
  let c = fnv1a(text, b);
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  // What it takes to mix similar seeds apart.
  for (let i = 0; i < 12; i += 1) next();
  return next;
}

/** 32 bits of the text, as eight hexadecimal digits. */
export function shortHash(text: string): string {
  return (fnv1a(text, 0x811c9dc5) >>> 0).toString(16).padStart(8, '0');
}

/** A whole number from `least` to `most`, both included. */
export function integer(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** True with that probability. */
export function chance(random: Random, probability: number): boolean {
  return random() < probability;
}

/** One of the things, each as likely. Throws RangeError when there are none. */
export function pick<T>(random: Random, things: readonly T[]): T {
  return at(things, integer(random, 0, things.length - 1));
}

/** One of the things, each as likely as its weight says. Throws RangeError when there are none. */
export function pickWeighted<T extends { readonly weight: number }>(random: Random, things: readonly T[]): T {
  let left = random() * things.reduce((sum, { weight }) => sum + weight, 0);
  const index = things.findIndex(({ weight }) => (left -= weight) < 0);
  return at(things, index === -1 ? things.length - 1 : index);
}

function at<T>(things: readonly T[], index: number): T {
  const thing = things[index];
  if (thing === undefined) throw new RangeError('There is nothing to pick from.');
  return thing;
}

function fnv1a(text: string, basis: number): number {
  let hash = basis;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
