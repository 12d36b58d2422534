import type { TextParts } from './features.ts';
import { createHashIndex, placeOf } from './hash-index.ts';
import type { HashIndex } from './hash-index.ts';

/** Which parts a model knows, and how much each weighs for being rare. */
export interface Vocabulary {
  /** The place of each known part, from 0. */
  readonly places: HashIndex;
  /** The inverse document frequency at each place. */
  readonly rarity: Float32Array;
}

/** A text as a model sees it: sparse, each of its two blocks of length 1. */
export interface TextVector {
  readonly places: Int32Array;
  readonly values: Float32Array;
  /** The share of the text's parts that the model knows, 0 to 1. */
  readonly knownShare: number;
}

/** The parts that occur in at least so many of the texts; of more than `most`, those in most texts. */
export function learnVocabulary(texts: readonly TextParts[], minTexts: number, most = Infinity): Vocabulary {
  const textsWith = new Map<number, number>();
  for (const { words, characters } of texts) {
    for (const { hashes } of [words, characters])
      for (const hash of hashes) textsWith.set(hash, (textsWith.get(hash) ?? 0) + 1);
  }
  const known = [...textsWith].filter(([, count]) => count >= minTexts);
  const kept = known.length <= most ? known : known.sort(([, one], [, other]) => other - one).slice(0, most);
  return {
    places: createHashIndex(Int32Array.from(kept, ([hash]) => hash)),
    // Smoothed, as if one more text held every part.
    rarity: Float32Array.from(kept, ([, count]) => Math.log((1 + texts.length) / (1 + count)) + 1),
  };
}

/** A text as a vector over a vocabulary: sublinear counts times rarity. */
export function vectorize({ places, rarity }: Vocabulary, { words, characters }: TextParts): TextVector {
  const most = words.hashes.length + characters.hashes.length;
  const foundPlaces = new Int32Array(most);
  const values = new Float32Array(most);
  let length = 0;
  for (const { hashes, counts } of [words, characters]) {
    const from = length;
    let squares = 0;
    for (let at = 0; at < hashes.length; at += 1) {
      const place = placeOf(places, hashes[at] ?? 0);
      if (place < 0) continue;
      const count = counts[at] ?? 1;
      const value = (count === 1 ? 1 : 1 + Math.log(count)) * (rarity[place] ?? 0);
      foundPlaces[length] = place;
      values[length] = value;
      squares += value * value;
      length += 1;
    }
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let index = from; index < length; index += 1) values[index] = (values[index] ?? 0) * scale;
  }
  return {
    places: foundPlaces.subarray(0, length),
    values: values.subarray(0, length),
    knownShare: most === 0 ? 0 : length / most,
  };
}
