import { integerIn } from './seeded-random.ts';

/** The same bytes with a few faults: some flipped, cut out, doubled, put in or cut off. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  let mutated = Buffer.from(bytes);
  for (let faults = integerIn(random, 1, 3); faults > 0; faults -= 1) {
    const at = integerIn(random, 0, mutated.length);
    const until = Math.min(mutated.length, at + integerIn(random, 1, 8));
    switch (integerIn(random, 0, 4)) {
      case 0:
        if (at < mutated.length) mutated[at] = (mutated[at] ?? 0) ^ (1 << integerIn(random, 0, 7));
        break;
      case 1:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(until)]);
        break;
      case 2:
        mutated = Buffer.concat([mutated.subarray(0, until), mutated.subarray(at)]);
        break;
      case 3: {
        const noise = Buffer.from(Array.from({ length: until - at + 1 }, () => integerIn(random, 0, 255)));
        mutated = Buffer.concat([mutated.subarray(0, at), noise, mutated.subarray(at)]);
        break;
      }
      default:
        mutated = mutated.subarray(0, at);
    }
  }
  return mutated;
}
