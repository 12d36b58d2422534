import type { Moments } from '@parley/statistics';

/**
 * Response times as counts by bin. Bins of parts add up to those of the whole, in any order, and what is taken out is a
 * negative count. A quantile of them is within 1 % of the true one; a time of 0 is counted exactly.
 *
 * The logarithmic mapping of DDSketch: C. Masson, J. E. Rim and H. K. Lee, DDSketch: A Fast and Fully-Mergeable Quantile
 * Sketch with Relative-Error Guarantees. PVLDB 12 (2019) 2195-2205. Times of whole milliseconds up to a day need no more
 * than 915 bins, so that none is ever collapsed.
 */
export type LatencyBins = ReadonlyMap<number, number>;

const accuracy = 0.01;
const gamma = (1 + accuracy) / (1 - accuracy);
const logGamma = Math.log(gamma);
/** The bin of the time 0; a time of a millisecond is in bin 0. */
const zeroBin = -1;

/** The bin of a time in whole milliseconds, 0 or more: bin n holds the times above gamma^(n-1) up to gamma^n. */
export function latencyBin(ms: number): number {
  // Rounding can't put a time into a wrong bin: no power of gamma comes close enough to a whole number (see the test).
  return ms === 0 ? zeroBin : Math.ceil(Math.log(ms) / logGamma);
}

/** What a time of this bin is taken for: not more than 1 % from any of them. */
export function latencyOfBin(bin: number): number {
  return bin === zeroBin ? 0 : (2 * gamma ** bin) / (gamma + 1);
}

/** The last bin whose times are taken for at most `ms`, 1 or more: its longest time is within 1 % of that. */
export function lastBinWithin(ms: number): number {
  const nearest = Math.floor(Math.log((ms * (gamma + 1)) / 2) / logGamma);
  // The quotient may be rounded over a whole number.
  return latencyOfBin(nearest) > ms ? nearest - 1 : nearest;
}

/** The longest time in whole milliseconds that a bin holds. */
export function longestOfBin(bin: number): number {
  return bin === zeroBin ? 0 : Math.floor(gamma ** bin);
}

/**
 * The time below which the share `quantile`, 0 to 1, of the times lies: that of rank 1 + quantile (n - 1), rounded down.
 * Undefined where there are none.
 */
export function latencyQuantile(bins: LatencyBins, quantile: number): number | undefined {
  const filled = [...bins].filter(([, count]) => count > 0).sort(([one], [other]) => one - other);
  const total = filled.reduce((sum, [, count]) => sum + count, 0);
  const rank = quantile * (total - 1);
  let upTo = 0;
  for (const [bin, count] of filled) {
    upTo += count;
    if (upTo > rank) return latencyOfBin(bin);
  }
  return undefined;
}

/** How many times there are. */
export function latencyCountOf(bins: LatencyBins): number {
  let total = 0;
  for (const count of bins.values()) total += count;
  return total;
}

/**
 * Count, sum and sum of squares; the latter within 2 %, which is enough to say how sure a mean is. The sum is the exact
 * one, which is known beside the bins.
 */
export function latencyMoments(bins: LatencyBins, sumMs: number): Moments {
  let squareSum = 0;
  for (const [bin, count] of bins) squareSum += count * latencyOfBin(bin) ** 2;
  return { count: latencyCountOf(bins), sum: sumMs, squareSum };
}
