import fc from 'fast-check';
import { expect, test } from 'vitest';
import { conversationCounters } from './conversation-state.ts';
import { explanationOf } from './explanation.ts';
import type { Coefficients } from './explanation.ts';
import { figures, getFigure } from './figures.ts';
import { kpiCounters } from './kpi-state.ts';
import { revenueCounters } from './revenue.ts';
import type { RevenueCounter } from './revenue.ts';

const counts = <Counter extends string>(counters: readonly Counter[]) =>
  fc.tuple(...counters.map(() => fc.nat(1_000_000))).map((values) => {
    const entries = counters.map((counter, index) => [counter, values[index] ?? 0] as const);
    return Object.fromEntries(entries) as Readonly<Record<Counter, number>>;
  });
const world = fc.record({
  sums: counts(kpiCounters),
  conversations: counts(conversationCounters),
  revenue: counts(revenueCounters),
  awaitingCount: fc.nat(1_000_000),
});

function dot<Counter extends string>(
  coefficients: Coefficients<Counter>,
  values: Readonly<Record<Counter, number>>,
): number {
  return Object.entries<number | undefined>(coefficients).reduce(
    (sum, [counter, weight]) => sum + (weight ?? 0) * values[counter as Counter],
    0,
  );
}

test.each(figures.map((figure) => [figure.meaning.name, figure] as const))(
  'the numerator of %s is a sum over rows, or counts people, or it says what to ask for instead',
  (_, figure) => {
    const explained = explanationOf(figure, 'USD');
    if (explained.behind === 'people') return;
    if (explained.behind === 'nothing') {
      expect(explained.because).toMatch(/ask for \w+/);
      return;
    }
    const { form } = explained;
    fc.assert(
      fc.property(world, ({ sums, conversations, revenue, awaitingCount }) => {
        const earned = revenueCounters.map((counter) => [counter, BigInt(revenue[counter])] as const);
        const { numerator } = figure.parts({
          sums,
          conversations: { conversations, interactions: sums, awaitingCount, gapMs: 1 },
          revenue: {
            currencyCode: 'USD',
            revenue: Object.fromEntries(earned) as Record<RevenueCounter, bigint>,
            interactionCount: 3,
            conversationCount: 2,
            payingMemberCount: 4,
            days: [],
          },
          people: { activeMembers: 7, activeUsers: 5, users: 9 },
          latencies: new Map(),
          audience: { interactionCount: 3, dayCounts: [2], weekCount: 3, monthCount: 4 },
          lifecycle: { interactionCount: 3, days: [], window: [1], before: [], ever: [] },
        });
        const sum =
          dot(form.sums, sums) +
          form.awaiting * awaitingCount +
          dot(form.conversations, conversations) +
          dot(form.revenue, revenue);
        expect(sum / form.divisor).toBeCloseTo(numerator, 5);
      }),
    );
  },
);

test('what a row adds is told in whole parts of the unit of the figure', () => {
  const formOf = (name: string, currencyCode = 'USD') => {
    const explained = explanationOf(getFigure(name), currencyCode);
    return explained.behind === 'rows' ? explained.form : undefined;
  };
  expect(formOf('guide.v1/containment_rate')).toMatchObject({
    sums: { interactionCount: 1, escalatedCount: -1 },
    divisor: 1,
  });
  expect(formOf('avg_csat')).toMatchObject({ sums: { csatSumMicros: 1 }, divisor: 1_000_000 });
  expect(formOf('nps')).toMatchObject({ sums: { npsPromoterCount: 100, npsDetractorCount: -100 } });
  expect(formOf('revenue')).toMatchObject({
    revenue: { grossMinorUnits: 1, refundedMinorUnits: -1 },
    divisor: 100,
  });
  expect(formOf('revenue', 'JPY')).toMatchObject({ divisor: 1 });
  expect(formOf('revenue', 'BHD')).toMatchObject({ divisor: 1_000 });
  expect(formOf('no_response_rate')).toMatchObject({ awaiting: -1 });
});
