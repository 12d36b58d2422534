import fc from 'fast-check';
import { expect, test } from 'vitest';
import { funnel, funnelSteps } from './funnel.ts';
import type { FunnelPath } from './funnel.ts';

const path = (message: number[], visit: number[] = [], checkout: number[] = [], purchase: number[] = []) => ({
  message,
  visit,
  checkout,
  purchase,
});

test('steps count in their order and within their time', () => {
  const steps = funnel(
    [
      path([0], [10], [30], [60]),
      path([5, 100], [25], [20, 45]), // The checkout at 20 came before the visit.
      path([0], [], [10], [20]), // Without a visit nothing after it counts.
      path([0], [50], [51], [1_000]), // Too late.
      path([], [1], [2], [3]), // Never spoke.
    ],
    100,
  );
  expect(steps).toEqual([
    { name: 'message', memberCount: 4, medianDurationMs: undefined },
    { name: 'visit', memberCount: 3, medianDurationMs: 20 },
    { name: 'checkout', memberCount: 3, medianDurationMs: 20 },
    { name: 'purchase', memberCount: 1, medianDurationMs: 30 },
  ]);
});

test('nobody comes nowhere', () => {
  expect(funnel([], 100).map(({ memberCount }) => memberCount)).toEqual([0, 0, 0, 0]);
  expect(funnel([], 100).every(({ medianDurationMs }) => medianDurationMs === undefined)).toBe(true);
});

test('no step has more members than the one before it, and more time loses none', () => {
  const times = fc.array(fc.nat(200), { maxLength: 4 });
  const paths = fc.array(
    fc.record<FunnelPath>({ message: times, visit: times, checkout: times, purchase: times }),
  );
  fc.assert(
    fc.property(paths, fc.nat(200), (told, within) => {
      const counts = funnel(told, within).map(({ memberCount }) => memberCount);
      const longer = funnel(told, within + 50).map(({ memberCount }) => memberCount);
      expect(counts).toEqual(counts.toSorted((a, b) => b - a));
      for (const index of funnelSteps.keys())
        expect(longer[index]).toBeGreaterThanOrEqual(counts[index] ?? 0);
    }),
  );
});
