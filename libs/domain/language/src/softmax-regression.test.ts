import { expect, test } from 'vitest';
import { createRandom } from './random.ts';
import { trainSoftmax } from './softmax-regression.ts';

const random = createRandom(5);
const vectors = Array.from({ length: 300 }, () => ({
  places: Int32Array.of(0, 1),
  values: Float32Array.of(random() * 2 - 1, random() * 2 - 1),
  knownShare: 1,
}));
/** Three sectors of the plane. */
const sectorOf = ([x = 0, y = 0]: ArrayLike<number> & Iterable<number>): number =>
  Math.floor((Math.atan2(y, x) / Math.PI + 1) * 1.5) % 3;
const labels = vectors.map(({ values }) => sectorOf(values));
const training = { vectors, labels, classCount: 3, dimension: 2, rate: 0.3, onProgress: () => undefined };

function lossOf(weights: Float32Array): number {
  const losses = vectors.map(({ values: [x = 0, y = 0] }, index) => {
    const scores = [0, 1, 2].map(
      (number) => x * (weights[number] ?? 0) + y * (weights[3 + number] ?? 0) + (weights[6 + number] ?? 0),
    );
    const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    return Math.log(total) - (scores[labels[index] ?? 0] ?? 0);
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

test('classes that can be told apart are, and the more passes the surer', () => {
  const trained = [5, 50, 500].map((passes) =>
    lossOf(trainSoftmax({ ...training, random: createRandom(1), passes })),
  );
  expect(trained[0]).toBeLessThan(0.5 * Math.log(3));
  expect(trained[1]).toBeLessThan(trained[0] ?? 0);
  expect(trained[2]).toBeLessThan(trained[1] ?? 0);
  expect(trained[2]).toBeLessThan(0.15);
});

test('where an answer is a matter of chance, it is as sure as the chance', () => {
  // Nine in ten of the first class, whatever the text.
  const weights = trainSoftmax({
    ...training,
    labels: vectors.map((_, index) => (index % 10 === 0 ? 1 : 0)),
    classCount: 2,
    random: createRandom(1),
    passes: 200,
  });
  const [zero = 0, one = 0] = weights.subarray(4);
  expect(1 / (1 + Math.exp(one - zero))).toBeCloseTo(0.9, 1);
});
