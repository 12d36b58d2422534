/**
 * What was earned in one currency: sums over conversions and refunds, in minor units. Sums of parts add up to those of
 * the whole, and what is taken out is negative.
 */
export interface RevenueSums {
  /** Conversions of a value above 0, whatever their outcome: as many as there are monetization events. */
  readonly orderCount: bigint;
  /** Their value. */
  readonly grossMinorUnits: bigint;
  /** The squares of their values, for how sure the mean is. */
  readonly grossSquareSum: bigint;
  /** Refunds of a value above 0. */
  readonly refundCount: bigint;
  /** Their value. */
  readonly refundedMinorUnits: bigint;
  /** Conversions of which more was refunded in their currency than was paid. */
  readonly overRefundedCount: bigint;
}

/** One of the sums. */
export type RevenueCounter = keyof RevenueSums;

/** Nothing earned. */
export const emptyRevenue: RevenueSums = Object.freeze({
  orderCount: 0n,
  grossMinorUnits: 0n,
  grossSquareSum: 0n,
  refundCount: 0n,
  refundedMinorUnits: 0n,
  overRefundedCount: 0n,
});

/** The sums' names, in the order in which `RevenueSums` lists them. */
export const revenueCounters = Object.keys(emptyRevenue) as readonly RevenueCounter[];

/** Revenue by currency; one that is not there is nothing. */
export type Revenue = ReadonlyMap<string, RevenueSums>;

/** A conversion's value as revenue: undefined where there is none. `refundedMinorUnits` is what of it was refunded. */
export function conversionRevenue(
  valueMinorUnits: bigint,
  refundedMinorUnits: bigint,
): RevenueSums | undefined {
  if (valueMinorUnits <= 0n && refundedMinorUnits <= 0n) return undefined;
  return {
    ...emptyRevenue,
    orderCount: valueMinorUnits > 0n ? 1n : 0n,
    grossMinorUnits: valueMinorUnits,
    grossSquareSum: valueMinorUnits * valueMinorUnits,
    overRefundedCount: refundedMinorUnits > valueMinorUnits ? 1n : 0n,
  };
}

/** A refund as revenue: undefined where nothing was given back. */
export function refundRevenue(valueMinorUnits: bigint): RevenueSums | undefined {
  if (valueMinorUnits <= 0n) return undefined;
  return { ...emptyRevenue, refundCount: 1n, refundedMinorUnits: valueMinorUnits };
}

/** What both earned. */
export function addRevenue(a: RevenueSums, b: RevenueSums, sign: 1n | -1n = 1n): RevenueSums {
  const sum: Record<RevenueCounter, bigint> = { ...a };
  for (const counter of revenueCounters) sum[counter] += sign * b[counter];
  return sum;
}

/** Whether there is nothing in it. */
export function isNoRevenue(sums: RevenueSums): boolean {
  return revenueCounters.every((counter) => sums[counter] === 0n);
}

/** What was earned less what was given back. */
export function netOf({ grossMinorUnits, refundedMinorUnits }: RevenueSums): bigint {
  return grossMinorUnits - refundedMinorUnits;
}
