import { partsOf } from './features.ts';
import type { TextParts } from './features.ts';

/** Which parts a model knows, and how much each weighs for being rare. */
export interface Vocabulary {
  /** The place of each known part, from 0. */
  readonly places: ReadonlyMap<number, number>;
  /** The inverse document frequency at each place. */
  readonly rarity: Float32Array;
}

/** A text as a model sees it: sparse, each of its two blocks of length 1. */
export interface TextVector {
  readonly places: Int32Array;
  readonly values: Float64Array;
  /** The share of the text's parts that the model knows, 0 to 1. */
  readonly knownShare: number;
}

/** The parts that occur in at least so many of the texts. */
export function learnVocabulary(texts: readonly TextParts[], minTexts: number): Vocabulary {
  const texsWith = new Map<number, number>();
  for (const { words, characters } of texts) {
    for (const hash of words.keys()) texsWith.set(hash, (texsWith.get(hash) ?? 0) + 1);
    for (const hash of characters.keys()) texsWith.set(hash, (texsWith.get(hash) ?? 0) + 1);
  }
  const kept = [...texsWith].filter(([, count]) => count >= minTexts);
  const places = new Map<number, number>();
  const rarity = new Float32Array(kept.length);
  for (const [place, [hash, count]] of kept.entries()) {
    places.set(hash, place);
    // Smoothed, as if one more text held every part.
    rarity[place] = Math.log((1 + texts.length) / (1 + count)) + 1;
  }
  return { places, rarity };
}

/** A text as a vector over a vocabulary: sublinear counts times rarity. */
export function vectorize(vocabulary: Vocabulary, text: string): TextVector {
  return vectorizeParts(vocabulary, partsOf(text));
}

export function vectorizeParts({ places, rarity }: Vocabulary, { words, characters }: TextParts): TextVector {
  const most = words.size + characters.size;
  const foundPlaces = new Int32Array(most);
  const values = new Float64Array(most);
  let length = 0;
  for (const block of [words, characters]) {
    const from = length;
    let squares = 0;
    for (const [hash, count] of block) {
      const place = places.get(hash);
      if (place === undefined) continue;
      const value = (1 + Math.log(count)) * (rarity[place] ?? 0);
      foundPlaces[length] = place;
      values[length] = value;
      squares += value * value;
      length += 1;
    }
    const norm = Math.sqrt(squares);
    if (norm > 0)
      for (let index = from; index < length; index += 1) values[index] = (values[index] ?? 0) / norm;
  }
  return {
    places: foundPlaces.subarray(0, length),
    values: values.subarray(0, length),
    knownShare: most === 0 ? 0 : length / most,
  };
}
