import { tally } from './hash-index.ts';
import type { Tally } from './hash-index.ts';

/** Texts are cut after so many UTF-16 units: the cost of reading one is linear in its length. */
export const maxTextLength = 8_192;

/** What a text consists of: hashes of its parts, with how often each occurs. */
export interface TextParts {
  /** As it is read: cut after `maxTextLength`. */
  readonly text: string;
  /** Words and pairs of neighbouring words. */
  readonly words: Tally;
  /** Runs of three and four characters inside words, their edges included. */
  readonly characters: Tally;
}

const wordPattern = /[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{M}]+)*/gu;
/** Scripts that put no spaces between words are read by characters. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
// eslint-disable-next-line no-control-regex -- all of ASCII
const ascii = /^[\x00-\x7f]*$/;
/** The same as `wordPattern` in lower-case ASCII, several times as fast. */
const asciiWordPattern = /[a-z0-9]+(?:'[a-z]+)*/g;

/** The words of a text in lower case, in order; of scripts without spaces, each character is one. */
export function wordsOf(text: string): readonly string[] {
  const cut = text.length > maxTextLength ? text.slice(0, maxTextLength) : text;
  if (ascii.test(cut)) return cut.toLowerCase().match(asciiWordPattern) ?? [];
  const words: string[] = [];
  for (const [word] of cut.normalize('NFKC').toLowerCase().matchAll(wordPattern)) {
    if (unspaced.test(word)) words.push(...word);
    else words.push(word.replaceAll('’', "'"));
  }
  return words;
}

/** Reads a text into its parts. */
export function partsOf(text: string): TextParts {
  const words: number[] = [];
  const characters: number[] = [];
  let before = starts[0];
  for (const word of wordsOf(text)) {
    let hash = starts[1];
    for (let index = 0; index < word.length; index += 1) hash = step(hash, word.charCodeAt(index));
    words.push(finish(hash), finish(step(step(before, hash & 0xffff), hash >>> 16)));
    before = step(step(starts[2], hash & 0xffff), hash >>> 16);
    addRuns(characters, word);
  }
  return { text: text.slice(0, maxTextLength), words: tally(words), characters: tally(characters) };
}

/** Of a word between two spaces. */
function addRuns(characters: number[], word: string): void {
  const { length } = word;
  let [first, second] = [space, word.charCodeAt(0)];
  for (let from = 0; from < length; from += 1) {
    const third = from + 1 < length ? word.charCodeAt(from + 1) : space;
    const hash = step(step(step(starts[3], first), second), third);
    characters.push(finish(hash));
    if (from + 1 < length) {
      characters.push(finish(step(hash, from + 2 < length ? word.charCodeAt(from + 2) : space)));
    }
    [first, second] = [second, third];
  }
}

const space = 32;

// FNV-1a over 16-bit units (Fowler, Noll, Vo), mixed at the end as MurmurHash3 does. Part of every stored model: never to
// be changed.
function step(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** One for each kind of part. */
const starts = [0, 1, 2, 3].map((kind) => step(0x811c9dc5, kind)) as [number, number, number, number];
