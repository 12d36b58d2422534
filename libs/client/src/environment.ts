import { randomFillSync } from 'node:crypto';

/** What a client takes from the machine that it runs on. */
export interface Environment {
  /** Unix time in ms. */
  readonly now: () => number;
  /** A clock that is never set back, in ms. */
  readonly monotonicMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** That many random bytes. */
  readonly randomBytes: (size: number) => Uint8Array;
}

/** The machine's own. */
export const systemEnvironment: Environment = {
  now: Date.now,
  monotonicMs: () => performance.now(),
  random: Math.random,
  randomBytes: createRandomBytes(),
};

/** Random bytes out of a larger supply: asking the system for each id would cost more than the rest of a call. */
function createRandomBytes(): (size: number) => Uint8Array {
  const supply = Buffer.alloc(4096);
  let used = supply.length;
  return (size) => {
    if (used + size > supply.length) {
      randomFillSync(supply);
      used = 0;
    }
    return supply.subarray(used, (used += size));
  };
}
