/** Texts are cut after so many UTF-16 units: the cost of reading one is linear in its length. */
export const maxTextLength = 8_192;

/** What a text consists of: hashes of its parts, with how often each occurs. */
export interface TextParts {
  /** Words and pairs of neighbouring words. */
  readonly words: ReadonlyMap<number, number>;
  /** Runs of three and four characters inside words, their edges included. */
  readonly characters: ReadonlyMap<number, number>;
}

const wordPattern = /[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{M}]+)*/gu;
/** Scripts that put no spaces between words are read by characters. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;

/** The words of a text in lower case, in order; of scripts without spaces, each character is one. */
export function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  for (const [word] of text.slice(0, maxTextLength).normalize('NFKC').toLowerCase().matchAll(wordPattern)) {
    if (unspaced.test(word)) words.push(...word);
    else words.push(word.replaceAll('’', "'"));
  }
  return words;
}

/** Reads a text into its parts. */
export function partsOf(text: string): TextParts {
  const words = new Map<number, number>();
  const characters = new Map<number, number>();
  let before = start(0);
  for (const word of wordsOf(text)) {
    let hash = start(1);
    for (let index = 0; index < word.length; index += 1) hash = step(hash, word.charCodeAt(index));
    count(words, finish(hash));
    count(words, finish(step(step(before, hash & 0xffff), hash >>> 16)));
    before = step(step(start(2), hash & 0xffff), hash >>> 16);
    addRuns(characters, ` ${word} `);
  }
  return { words, characters };
}

function addRuns(characters: Map<number, number>, padded: string): void {
  for (let from = 0; from + 3 <= padded.length; from += 1) {
    let hash = step(
      step(step(start(3), padded.charCodeAt(from)), padded.charCodeAt(from + 1)),
      padded.charCodeAt(from + 2),
    );
    count(characters, finish(hash));
    if (from + 4 > padded.length) continue;
    hash = step(hash, padded.charCodeAt(from + 3));
    count(characters, finish(hash));
  }
}

function count(counts: Map<number, number>, hash: number): void {
  counts.set(hash, (counts.get(hash) ?? 0) + 1);
}

// FNV-1a over 16-bit units (Fowler, Noll, Vo), mixed at the end as MurmurHash3 does. Part of every stored model: never to
// be changed.
function start(kind: number): number {
  return step(0x811c9dc5, kind);
}

function step(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
