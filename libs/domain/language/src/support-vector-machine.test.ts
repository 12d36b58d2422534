import { expect, test } from 'vitest';
import { createRandom } from './random.ts';
import { trainSvm } from './support-vector-machine.ts';

const random = createRandom(5);
const vectors = Array.from({ length: 60 }, () => ({
  places: Int32Array.of(0, 1),
  values: Float32Array.of(random() * 2 - 1, random() * 2 - 1),
  knownShare: 1,
}));
const isPositive = (index: number) => {
  const [x = 0, y = 0] = vectors[index]?.values ?? [];
  return x + 0.5 * y > 0.1;
};

/** What is to be as small as possible: half the square of the weights, and the squared hinge losses. */
function objective(weights: ArrayLike<number>, cost: number): number {
  const [a = 0, b = 0, bias = 0] = Array.from(weights);
  const losses = vectors.map(({ values: [x = 0, y = 0] }, index) => {
    const margin = (isPositive(index) ? 1 : -1) * (a * x + b * y + bias);
    return Math.max(0, 1 - margin) ** 2;
  });
  return (a * a + b * b + bias * bias) / 2 + cost * losses.reduce((sum, loss) => sum + loss, 0);
}

test('no small change of the weights makes the objective smaller', () => {
  const cost = 1;
  const weights = trainSvm(vectors, isPositive, 2, createRandom(1), { cost, passes: 2_000, tolerance: 1e-6 });
  const best = objective(weights, cost);
  for (let index = 0; index < 3; index += 1) {
    for (const change of [-0.01, 0.01]) {
      const other = Array.from(weights, (weight, at) => (at === index ? weight + change : weight));
      expect(objective(other, cost)).toBeGreaterThan(best - 1e-6);
    }
  }
  // By gradient descent on the same objective from nothing: nowhere lower.
  let other = [0, 0, 0];
  for (let step = 0; step < 4_000; step += 1) {
    const slope = other.map((_, at) => {
      const moved = (by: number) =>
        objective(
          other.map((weight, index) => (index === at ? weight + by : weight)),
          cost,
        );
      return (moved(1e-5) - moved(-1e-5)) / 2e-5;
    });
    other = other.map((weight, at) => weight - 0.002 * (slope[at] ?? 0));
  }
  expect(best).toBeLessThan(objective(other, cost) + 1e-3);
});
