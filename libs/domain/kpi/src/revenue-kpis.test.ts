import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addRevenue, conversionRevenue, emptyRevenue, isNoRevenue, refundRevenue } from './revenue.ts';
import type { RevenueSums } from './revenue.ts';
import { revenueKpis } from './revenue-kpis.ts';
import type { RevenueFacts } from './revenue-kpis.ts';

const sumOf = (parts: readonly (RevenueSums | undefined)[]): RevenueSums =>
  parts.reduce<RevenueSums>((sum, part) => (part === undefined ? sum : addRevenue(sum, part)), emptyRevenue);

const nothing: RevenueFacts = {
  currencyCode: 'USD',
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
    currencyCode: 'USD',
    revenue,
    interactionCount: 20,
    conversationCount: 8,
    payingMemberCount: 2,
    days,
  });
  expect(Object.fromEntries(Object.entries(kpis).map(([name, { value }]) => [name, value]))).toEqual({
    revenue: 30,
    grossRevenue: 53.2,
    refunded: 23.2,
    revenuePerConversation: 3.75,
    revenuePerInteraction: 1.5,
    // (52.20 / 4 + 0 - 23.20 / 2) / 3
    arpu: 1.45 / 3,
    arppu: 15,
    payingMembers: 2,
    avgOrderValue: 53.2 / 3,
  });
});

test('amounts are in units of the currency, whose minor units are none, a hundredth or a thousandth', () => {
  const revenue = sumOf([conversionRevenue(56_870_401n, 0n), refundRevenue(1n)]);
  const inCurrency = (currencyCode: string) => revenueKpis({ ...nothing, currencyCode, revenue }).revenue;
  expect(inCurrency('USD')).toMatchObject({ value: 568_704, numerator: 568_704, denominator: 1 });
  expect(inCurrency('JPY')).toMatchObject({ value: 56_870_400, numerator: 56_870_400 });
  expect(inCurrency('BHD')).toMatchObject({ value: 56_870.4, numerator: 56_870.4 });
});

test('more refunded than paid is kept, and flagged', () => {
  const revenue = sumOf([conversionRevenue(500n, 800n), refundRevenue(800n)]);
  expect(revenue).toMatchObject({ overRefundedCount: 1n, grossMinorUnits: 500n, refundedMinorUnits: 800n });
  const { revenue: net } = revenueKpis({ ...nothing, revenue });
  expect(net).toMatchObject({ value: -3, hasData: true });
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
  // Mean 1.145, variance 0.00775: 1.145 plus and minus 1.959964 sqrt(0.00775 / 30).
  const { interval } = orders(30).avgOrderValue;
  expect(interval?.lower).toBeCloseTo(1.113498, 6);
  expect(interval?.upper).toBeCloseTo(1.176502, 6);
});
