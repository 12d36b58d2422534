import { createHashIndex, placeOf } from './hash-index.ts';
import type { HashIndex } from './hash-index.ts';

/** How good or bad each of some words and emoticons sounds, by the hash of its text. */
export interface ValenceLexicon {
  readonly tokens: HashIndex;
  /** About −4 to 4, at the place of each. */
  readonly valences: Float32Array;
}

/** Of two with the same hash, the last one counts. */
export function createValenceLexicon(
  entries: Iterable<readonly [token: string, valence: number]>,
): ValenceLexicon {
  const known = new Map(Array.from(entries, ([token, valence]) => [hashToken(token), valence]));
  return {
    tokens: createHashIndex(Int32Array.from(known.keys())),
    valences: Float32Array.from(known.values()),
  };
}

/** What the lexicon says of a text. */
export interface Valence {
  /** The sum of its words' valences, squeezed into −1 to 1. */
  readonly compound: number;
  readonly positiveSum: number;
  readonly negativeSum: number;
  readonly isExclaimed: boolean;
  readonly isQuestion: boolean;
  readonly isNegated: boolean;
}

const negations: ReadonlySet<string> = new Set(
  "not no never none nobody nothing neither nor cannot can't don't doesn't didn't won't wouldn't isn't wasn't aren't weren't couldn't shouldn't hasn't haven't hadn't ain't without hardly rarely".split(
    ' ',
  ),
);
/** How much of a word's valence is left, turned round, three words or less after a negation (Hutto and Gilbert, 2014). */
const turned = -0.74;
const reach = 3;
const squeeze = 15;
const spaces = /\s+/;
/** What stands around a word. */
const edges = /^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu;

/** Looks a text's words and emoticons up. */
export function valenceOf({ tokens, valences }: ValenceLexicon, text: string): Valence {
  let positiveSum = 0;
  let negativeSum = 0;
  let sinceNegation = reach + 1;
  let isNegated = false;
  for (const raw of text.toLowerCase().replaceAll('’', "'").split(spaces)) {
    let word = raw;
    let place = placeOf(tokens, hashToken(raw));
    if (place < 0) {
      word = raw.replace(edges, '');
      if (word !== raw) place = placeOf(tokens, hashToken(word));
    }
    const valence = place < 0 ? 0 : (valences[place] ?? 0);
    const felt = sinceNegation <= reach ? valence * turned : valence;
    if (felt > 0) positiveSum += felt;
    else negativeSum -= felt;
    sinceNegation += 1;
    if (negations.has(word)) {
      sinceNegation = 1;
      isNegated = true;
    }
  }
  const sum = positiveSum - negativeSum;
  return {
    compound: sum / Math.sqrt(sum * sum + squeeze),
    positiveSum,
    negativeSum,
    isExclaimed: text.includes('!'),
    isQuestion: text.includes('?'),
    isNegated,
  };
}

/** FNV-1a over UTF-16 units. Part of every stored model: never to be changed. */
function hashToken(token: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < token.length; index += 1)
    hash = Math.imul(hash ^ token.charCodeAt(index), 0x01000193);
  return hash;
}
