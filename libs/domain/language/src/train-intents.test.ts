import fc from 'fast-check';
import { expect, test } from 'vitest';
import { areaUnderRoc } from './intent-quality.ts';
import { decodeIntentModel, encodeIntentModel, readIntent, trainIntents } from './index.ts';
import type { IntentExample } from './index.ts';

const said = (label: string, texts: readonly string[]): IntentExample[] =>
  texts.map((text) => ({ text, label }));
const shop = [
  ...said('track_order', [
    'where is my order',
    'track my parcel please',
    'has my order shipped yet',
    'when will the parcel arrive',
    'order status for my last purchase',
    'my parcel has not arrived',
  ]),
  ...said('refund', [
    'i want my money back',
    'please refund me',
    'refund the last payment',
    'how do i get a refund',
    'give me back my money',
    'can you refund this purchase',
  ]),
  ...said('opening_hours', [
    'when do you open',
    'are you open on sunday',
    'what are your opening hours',
    'until when is the shop open today',
    'do you close at noon',
    'opening times please',
  ]),
];

test('texts that were never seen are read as what they stand for', () => {
  const { model } = trainIntents(shop);
  expect(readIntent(model, 'where is my parcel?').bestIntent).toBe('track_order');
  expect(readIntent(model, 'REFUND my money!').bestIntent).toBe('refund');
  expect(readIntent(model, 'are you open today').bestIntent).toBe('opening_hours');
});

test('a text without anything known is outside, whatever its script', () => {
  const { model } = trainIntents(shop);
  for (const text of ['', '  ', '🙂', '你好', 'жшщъ']) {
    expect(readIntent(model, text), text).toMatchObject({
      intent: 'fallback',
      outOfScope: 1,
      intentConfidence: 0,
    });
  }
});

test('the threshold alone decides between fallback and the best intent', () => {
  const { model } = trainIntents(shop);
  const reading = readIntent(model, 'where is my order');
  expect(readIntent(model, 'where is my order', 1).intent).toBe(reading.bestIntent);
  expect(readIntent(model, 'where is my order', 0).intent).toBe('fallback');
});

test('examples outside raise the score of what is like them', () => {
  const outside = said('oos', [
    'what is the capital of france',
    'tell me a joke about cats',
    'who won the football match',
    'sing a song for me',
    'what is the weather like',
    'how tall is the eiffel tower',
    'tell me a story',
    'play some music',
    'who is the president',
    'what is two plus two',
  ]);
  const { model, quality } = trainIntents([...shop, ...outside]);
  expect(model.intents).not.toContain('oos');
  expect(quality.outOfScopeAuroc).toBeGreaterThan(0.7);
  const score = (text: string) => readIntent(model, text).outOfScope;
  expect(score('tell me who won the match')).toBeGreaterThan(score('where is my parcel'));
});

test('the order of the examples does not matter, nor who trains', () => {
  const bytes = (examples: readonly IntentExample[]) =>
    Buffer.from(encodeIntentModel(trainIntents(examples).model));
  expect(bytes([...shop].reverse()).equals(bytes(shop))).toBe(true);
});

test('a model that was written and read again reads alike', () => {
  const { model } = trainIntents(shop);
  // As a database gives bytes: somewhere inside a larger buffer.
  const stored = Buffer.concat([Buffer.from([7]), encodeIntentModel(model)]).subarray(1);
  const again = decodeIntentModel(stored);
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...'where is my order refund open today 你 zzz'.split(' '))),
      (words) => {
        expect(readIntent(again, words.join(' '))).toEqual(readIntent(model, words.join(' ')));
      },
    ),
  );
});

test('bytes that are no model, or are cut, are refused', () => {
  const bytes = encodeIntentModel(trainIntents(shop).model);
  for (const bad of [
    new Uint8Array(),
    bytes.subarray(0, 100),
    bytes.subarray(0, -1),
    Uint8Array.from([...bytes, 0]),
  ]) {
    expect(() => decodeIntentModel(bad)).toThrow('no model');
  }
});

test('labels are only labels, whatever they are called', () => {
  const labels = ['__proto__', 'constructor', 'hasOwnProperty', 'toString'];
  const examples = labels.flatMap((label, index) =>
    said(label, [`alpha${index} one`, `alpha${index} two`, `alpha${index} three`]),
  );
  const { model } = trainIntents(examples);
  for (const [index, label] of labels.entries())
    expect(readIntent(model, `alpha${index}`).bestIntent).toBe(label);
});

test.each([
  ['one intent', said('a', ['x', 'y'])],
  ['nothing', []],
  ['an empty text', [...said('a', ['x', ' ']), ...said('b', ['y'])]],
  ['only what is outside', said('oos', ['x', 'y'])],
])('%s can not be trained, and the error says why', (_what, examples) => {
  expect(() => trainIntents(examples)).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
});

test('an intent with a single example can be trained, without figures that nobody measured', () => {
  const { model, quality } = trainIntents([...said('a', ['hello there']), ...said('b', ['bye now'])]);
  expect(readIntent(model, 'hello').bestIntent).toBe('a');
  expect(quality).toMatchObject({ foldCount: 0, intents: [] });
});

test('the area under the curve is the share of pairs in order, ties counting half', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
      (low, high) => {
        const wins = low.flatMap((one) =>
          high.map((other): number => (other > one ? 1 : other === one ? 0.5 : 0)),
        );
        const mean = wins.reduce((sum, win) => sum + win, 0) / wins.length;
        expect(areaUnderRoc(low, high)).toBeCloseTo(mean, 12);
      },
    ),
  );
});
