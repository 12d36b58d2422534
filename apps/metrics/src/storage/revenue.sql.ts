import type { RevenueCounter } from '@parley/kpi';

/** What a row of facts counts as, where it isn't 0; the same as @parley/kpi says of a fact. */
export const ofSale: Partial<Record<RevenueCounter, string>> = {
  orderCount: '(f.value_minor_units > 0)::int',
  grossMinorUnits: 'f.value_minor_units',
  grossSquareSum: 'f.value_minor_units::numeric * f.value_minor_units',
  overRefundedCount: '(f.refunded_minor_units > f.value_minor_units)::int',
};
export const ofRefund: Partial<Record<RevenueCounter, string>> = {
  refundCount: '1',
  refundedMinorUnits: 'f.value_minor_units',
};
