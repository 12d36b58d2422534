import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addRevenue, conversionRevenue, emptyRevenue, isNoRevenue, refundRevenue } from './revenue.ts';
import type { RevenueSums } from './revenue.ts';
import { expectedLifetimeValue, observedLifetimeValue, revenueKpis } from './revenue-kpis.ts';
import type { RevenueFacts } from './revenue-kpis.ts';

const sumOf = (parts: readonly (RevenueSums | undefined)[]): RevenueSums =>
  parts.reduce<RevenueSums>((sum, part) => (part === undefined ? sum : addRevenue(sum, part)), emptyRevenue);

const nothing: RevenueFacts = {
  revenue: emptyRevenue,
  interactionCount: 0,
  conversationCount: 0,
  payingMemberCount: 0,
  days: [],
};

test('three purchases and a refund give what a calculator gives', () => {
  const revenue = sumOf([
    conversionRevenue(2_900n, 0n),
    conversionRevenue(2_320n, 2_320n),
    conversionRevenue(100n, 0n),
    conversionRevenue(0n, 0n),
    refundRevenue(2_320n),
  ]);
  const days = [
    { netMinorUnits: 5_220n, activeMemberCount: 4 },
    { netMinorUnits: 100n, activeMemberCount: 0 },
    { netMinorUnits: -2_320n, activeMemberCount: 2 },
  ];
  const kpis = revenueKpis({
    revenue,
    interactionCount: 20,
    conversationCount: 8,
    payingMemberCount: 2,
    days,
  });
  expect(Object.fromEntries(Object.entries(kpis).map(([name, { value }]) => [name, value]))).toEqual({
    revenue: 3_000,
    grossRevenue: 5_320,
    refunded: 2_320,
    revenuePerConversation: 375,
    revenuePerInteraction: 150,
    // (5220 / 4 + 0 - 2320 / 2) / 3
    arpu: 145 / 3,
    arppu: 1_500,
    payingMembers: 2,
    avgOrderValue: 5_320 / 3,
  });
});

test('more refunded than paid is kept, and flagged', () => {
  const revenue = sumOf([conversionRevenue(500n, 800n), refundRevenue(800n)]);
  expect(revenue).toMatchObject({ overRefundedCount: 1n, grossMinorUnits: 500n, refundedMinorUnits: 800n });
  const { revenue: net } = revenueKpis({ ...nothing, revenue });
  expect(net).toMatchObject({ value: -300, hasData: true });
});

test('of nothing there is no figure, and nothing earned is a figure where somebody spoke', () => {
  for (const value of Object.values(revenueKpis(nothing))) {
    expect(value).toMatchObject({ value: 0, hasData: false });
  }
  const spoken = revenueKpis({ ...nothing, interactionCount: 3 });
  expect([spoken.revenue.hasData, spoken.payingMembers.hasData, spoken.arppu.hasData]).toEqual([
    true,
    true,
    false,
  ]);
});

test('sums add up in any parts, and what is taken out was never there', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 15n });
  const parts = fc.array(
    fc.oneof(
      fc.tuple(amount, amount).map(([value, back]) => conversionRevenue(value, back)),
      amount.map(refundRevenue),
    ),
  );
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      const both = addRevenue(sumOf(one), sumOf(other));
      expect(both).toEqual(sumOf([...other, ...one]));
      expect(isNoRevenue(addRevenue(both, both, -1n))).toBe(true);
    }),
  );
});

test('the mean order has an interval from thirty orders on', () => {
  const orders = (count: number) =>
    revenueKpis({
      ...nothing,
      revenue: sumOf(Array.from({ length: count }, (_, n) => conversionRevenue(BigInt(100 + n), 0n))),
    });
  expect(orders(29).avgOrderValue.interval).toBeUndefined();
  // Mean 114.5, variance 77.5: 114.5 plus and minus 1.959964 sqrt(77.5 / 30).
  const { interval } = orders(30).avgOrderValue;
  expect(interval?.lower).toBeCloseTo(111.3498, 4);
  expect(interval?.upper).toBeCloseTo(117.6502, 4);
});

test('a lifetime is worth what the formula says, and no bound is no figure', () => {
  expect(expectedLifetimeValue(1_000, { margin: 0.8, churn: 0.05 })).toBe(16_000);
  expect(expectedLifetimeValue(1_000, { margin: 0.8, churn: 0 })).toBeUndefined();
  expect(() => expectedLifetimeValue(1, { margin: 2, churn: 0.1 })).toThrow(RangeError);
});

test('what a cohort has brought grows by what came, and is not told of what is not over', () => {
  expect(observedLifetimeValue(4, [400n, 200n, -100n, 50n], 3)).toEqual([100, 150, 125, undefined]);
  expect(observedLifetimeValue(0, [400n], 1)).toEqual([undefined]);
});
