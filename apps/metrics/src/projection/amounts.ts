import { addRevenue, emptyRevenue, emptyState, isNoRevenue, kpiCounters, subtractStates } from '@parley/kpi';
import type { KpiState, RevenueSums } from '@parley/kpi';

/** What something adds to the rollups: to the sums, to the bins of response times and to the revenue by currency. */
export interface Amounts {
  readonly state: KpiState;
  readonly bins: readonly (readonly [bin: number, count: number])[];
  readonly revenue: readonly (readonly [currencyCode: string, sums: RevenueSums])[];
}

/** Nothing in bins and revenue: what most events add. */
export const sumsAlone = { bins: [], revenue: [] } as const;

/** What takes these out again. */
export function negated({ state, bins, revenue }: Amounts): Amounts {
  return {
    state: subtractStates(emptyState, state),
    bins: bins.map(([bin, count]) => [bin, -count] as const),
    revenue: revenue.map(([code, sums]) => [code, addRevenue(emptyRevenue, sums, -1n)] as const),
  };
}

/** What leads from `before` to `after`; what is in both is in it no more. */
export function differenceOf(after: Amounts, before: Amounts): Amounts {
  const bins = new Map(after.bins);
  for (const [bin, count] of before.bins) bins.set(bin, (bins.get(bin) ?? 0) - count);
  const revenue = new Map(after.revenue);
  for (const [code, sums] of before.revenue) {
    revenue.set(code, addRevenue(revenue.get(code) ?? emptyRevenue, sums, -1n));
  }
  return {
    state: subtractStates(after.state, before.state),
    bins: [...bins].filter(([, count]) => count !== 0),
    revenue: [...revenue].filter(([, sums]) => !isNoRevenue(sums)),
  };
}

/** Whether the sums say nothing. */
export function isNoState(state: KpiState): boolean {
  return kpiCounters.every((counter) => state[counter] === 0);
}
