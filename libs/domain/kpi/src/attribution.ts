/** How credit is shared out among the interactions before a conversion. */
export type AttributionModel = 'last' | 'first' | 'linear' | 'time_decay' | 'position';

const dayMs = 86_400_000;
/** How long before a conversion an interaction may be unless told. */
export const usualLookbackMs = 30 * dayMs;
/** In this time an interaction's weight halves: Matomo's and Google's default. */
const halfLifeMs = 7 * dayMs;
const weightScale = 2 ** 52;

/** Which of these instants are in the lookback before a conversion: not after it. In the order given. */
export function touchesBefore<Touch extends { readonly at: number }>(
  touches: readonly Touch[],
  convertedAt: number,
  lookbackMs: number = usualLookbackMs,
): readonly Touch[] {
  return touches.filter(({ at }) => at <= convertedAt && at >= convertedAt - lookbackMs);
}

/**
 * The credit of each of the instants, which must be in ascending order, in minor units: together exactly the amount, which
 * may be negative. What can't be divided goes to the largest remainders, of equal ones to the latest. Without instants
 * there is no credit.
 *
 * Definition D13; Matomo's multi channel conversion attribution.
 */
export function attributeAmount(
  model: AttributionModel,
  times: readonly number[],
  amount: bigint,
): readonly bigint[] {
  const weights = weightsOf(model, times);
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  if (total === 0n) return [];
  const sign = amount < 0n ? -1n : 1n;
  const size = amount * sign;
  const credits = weights.map((weight) => (size * weight) / total);
  const left = size - credits.reduce((sum, credit) => sum + credit, 0n);
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (size * weight) % total }))
    .sort((one, other) => compare(other.remainder, one.remainder) || other.index - one.index);
  for (const { index } of byRemainder.slice(0, Number(left))) credits[index] = (credits[index] ?? 0n) + 1n;
  return credits.map((credit) => credit * sign);
}

/** The share of the credit of each of the instants, which must be in ascending order; together 1. */
export function attributionShares(model: AttributionModel, times: readonly number[]): readonly number[] {
  const weights = weightsOf(model, times);
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  return weights.map((weight) => Number(weight) / Number(total));
}

/** Whole numbers, so that shares of an amount are exact. */
function weightsOf(model: AttributionModel, times: readonly number[]): readonly bigint[] {
  const last = times.length - 1;
  switch (model) {
    case 'last':
      return times.map((_, index) => (index === last ? 1n : 0n));
    case 'first':
      return times.map((_, index) => (index === 0 ? 1n : 0n));
    case 'linear':
      return times.map(() => 1n);
    case 'time_decay': {
      // By the time before the last one: what is common to all weights changes no share.
      const latest = times[last] ?? 0;
      return times.map((at) => BigInt(Math.round(2 ** (-(latest - at) / halfLifeMs) * weightScale)));
    }
    case 'position': {
      // 40 %, 20 % among those between, 40 %; of two half each.
      const between = BigInt(Math.max(times.length - 2, 0));
      if (between === 0n) return times.map(() => 1n);
      return times.map((_, index) => (index === 0 || index === last ? 2n * between : 1n));
    }
  }
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : Number(one > other);
}
