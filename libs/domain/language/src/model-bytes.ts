import type { IntentModel } from './intent-model.ts';
import { createHashIndex } from './hash-index.ts';
import type { HashIndex } from './hash-index.ts';
import { pack, unpack } from './packed-arrays.ts';
import type { SentimentModel } from './sentiment-model.ts';

/** "PIM1" and "PSM1": the forms of these bytes, and of the hashes in them. */
const intentMagic = 0x314d4950;
const sentimentMagic = 0x314d5350;
const largestWeight = 32_767;

type IntentHead = Pick<IntentModel, 'intents' | 'knowsOutside' | 'unit' | 'confidence' | 'outside'> & {
  readonly placeCount: number;
  readonly weightCount: number;
};

/** A model as bytes: what `decodeIntentModel` reads. */
export function encodeIntentModel(model: IntentModel): Uint8Array {
  const { intents, vocabulary, starts, classes, weights, unit, biases, knowsOutside, confidence, outside } =
    model;
  const { places, rarity } = vocabulary;
  const head: IntentHead = {
    intents,
    knowsOutside,
    unit,
    confidence,
    outside,
    placeCount: places.hashes.length,
    weightCount: weights.length,
  };
  return pack(intentMagic, head, [places.hashes, rarity, starts, biases, classes, weights]);
}

/** @throws Error for anything but the bytes of a model of this form. */
export function decodeIntentModel(bytes: Uint8Array): IntentModel {
  return decoding('intents', () => {
    const { head, take, end } = unpack<IntentHead>(intentMagic, bytes);
    const { intents, knowsOutside, unit, confidence, outside, placeCount, weightCount } = head;
    const places = takeIndex(take, placeCount);
    const rarity = new Float32Array(take(placeCount * 4));
    const starts = new Uint32Array(take((placeCount + 1) * 4));
    const biases = new Float32Array(take((intents.length + (knowsOutside ? 1 : 0)) * 4));
    const classes = new Uint16Array(take(weightCount * 2));
    const weights = new Int16Array(take(weightCount * 2));
    end();
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
  });
}

interface SentimentHead {
  readonly lexiconCount: number;
  readonly placeCount: number;
  readonly lexiconWeightCount: number;
  readonly unit: number;
}

/** A model as bytes: what `decodeSentimentModel` reads, with weights to a 32,767th of the largest. */
export function encodeSentimentModel({
  lexicon,
  places,
  weights,
  lexiconWeights,
}: SentimentModel): Uint8Array {
  const unit = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 1e-9) / largestWeight;
  const head: SentimentHead = {
    lexiconCount: lexicon.valences.length,
    placeCount: places.hashes.length,
    lexiconWeightCount: lexiconWeights.length,
    unit,
  };
  return pack(sentimentMagic, head, [
    lexicon.tokens.hashes,
    lexicon.valences,
    places.hashes,
    Int16Array.from(weights, (weight) => Math.round(weight / unit)),
    lexiconWeights,
  ]);
}

/** @throws Error for anything but the bytes of a model of this form. */
export function decodeSentimentModel(bytes: Uint8Array): SentimentModel {
  return decoding('sentiment', () => {
    const { head, take, end } = unpack<SentimentHead>(sentimentMagic, bytes);
    const tokens = takeIndex(take, head.lexiconCount);
    const valences = new Float32Array(take(head.lexiconCount * 4));
    const places = takeIndex(take, head.placeCount);
    const weights = Float32Array.from(
      new Int16Array(take(head.placeCount * 6)),
      (weight) => weight * head.unit,
    );
    const lexiconWeights = new Float32Array(take(head.lexiconWeightCount * 4));
    end();
    return { lexicon: { tokens, valences }, places, weights, lexiconWeights };
  });
}

function takeIndex(take: (byteCount: number) => ArrayBuffer, count: number): HashIndex {
  return createHashIndex(new Int32Array(take(count * 4)));
}

function decoding<Model>(of: string, decode: () => Model): Model {
  try {
    return decode();
  } catch (error) {
    throw new Error(`The bytes are no model of ${of}.`, { cause: error });
  }
}
