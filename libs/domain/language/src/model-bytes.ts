import type { IntentModel } from './intent-model.ts';
import type { Calibrator } from './logistic-regression.ts';

/** What stands in front of the arrays, as JSON. */
interface Head {
  readonly intents: readonly string[];
  readonly knowsOutside: boolean;
  readonly unit: number;
  readonly confidence: Calibrator;
  readonly outside: Calibrator;
  readonly placeCount: number;
  readonly weightCount: number;
}

/** "PIM1": the form of these bytes, and of the hashes in them. */
const magic = 0x314d4950;

/** A model as bytes, little-endian: what `decodeIntentModel` reads. */
export function encodeIntentModel(model: IntentModel): Uint8Array {
  const { intents, vocabulary, starts, classes, weights, unit, biases, knowsOutside, confidence, outside } =
    model;
  const { places, rarity } = vocabulary;
  const hashes = new Uint32Array(places.size);
  for (const [hash, place] of places) hashes[place] = hash;
  const head: Head = {
    intents,
    knowsOutside,
    unit,
    confidence,
    outside,
    placeCount: places.size,
    weightCount: weights.length,
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const arrays = [hashes, rarity, starts, biases, classes, weights];
  const size = arrays.reduce((sum, { byteLength }) => sum + byteLength, 8 + text.length);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, text.length, true);
  bytes.set(text, 8);
  let end = 8 + text.length;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), end);
    end += array.byteLength;
  }
  return bytes;
}

/** @throws Error for anything but the bytes of a model of this form. */
export function decodeIntentModel(bytes: Uint8Array): IntentModel {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(0, true) !== magic) throw new RangeError('They begin with another word.');
    const headEnd = 8 + view.getUint32(4, true);
    const head = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, headEnd)),
    ) as Head;
    const classCount = head.intents.length + (head.knowsOutside ? 1 : 0);
    // Copied, since a view needs its start at a multiple of its items.
    let end = headEnd;
    const take = (length: number): ArrayBuffer => {
      const part = bytes.slice(end, end + length);
      if (part.length !== length) throw new RangeError('They end too soon.');
      end += length;
      return part.buffer;
    };
    const hashes = new Uint32Array(take(head.placeCount * 4));
    const rarity = new Float32Array(take(head.placeCount * 4));
    const starts = new Uint32Array(take((head.placeCount + 1) * 4));
    const biases = new Float32Array(take(classCount * 4));
    const classes = new Uint16Array(take(head.weightCount * 2));
    const weights = new Int16Array(take(head.weightCount * 2));
    if (end !== bytes.length) throw new RangeError('They go on too long.');
    const places = new Map<number, number>();
    for (const [place, hash] of hashes.entries()) places.set(hash, place);
    const { intents, knowsOutside, unit, confidence, outside } = head;
    return {
      intents,
      vocabulary: { places, rarity },
      starts,
      classes,
      weights,
      unit,
      biases,
      knowsOutside,
      confidence,
      outside,
    };
  } catch (error) {
    throw new Error('The bytes are no model of intents.', { cause: error });
  }
}
