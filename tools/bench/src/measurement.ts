/** A figure, as the run of one benchmark found it. */
export interface Measurement {
  /** Such as `ingest.batch.c16`. */
  readonly name: string;
  /** The median over the runs. */
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, measured before and after each run of ours. */
  readonly limit_name: string;
  readonly limit: number;
  /** How good it is: 1 is as good as the limit, more is better, also where less of the unit is better. */
  readonly ratio: number;
  readonly ratio_min: number;
  readonly ratio_max: number;
  readonly runs: number;
  /** CPU time by process in microseconds per event or call; absent where the system does not tell. */
  readonly cpu_us?: Readonly<Record<string, number>>;
  /** What else was seen, such as percentiles in ms with the number of samples. */
  readonly details?: Readonly<Record<string, number>>;
}

/** A run of ours between two runs of the limit. */
export interface Pair {
  readonly ours: number;
  readonly limitBefore: number;
  readonly limitAfter: number;
}

export interface Claim extends Pick<Measurement, 'name' | 'unit' | 'limit_name' | 'cpu_us' | 'details'> {
  /** Whether more of the unit is better, as of a rate, or less, as of a time. */
  readonly better: 'more' | 'less';
}

/**
 * The figure of some runs: medians, and the ratios of each run to the mean of the limits around it, since the same
 * machine is another one a minute later.
 */
export function summarize({ better, ...claim }: Claim, pairs: readonly Pair[]): Measurement {
  const limits = pairs.map(({ limitBefore, limitAfter }) => (limitBefore + limitAfter) / 2);
  const ratios = pairs.map(({ ours }, index) => {
    const limit = limits[index] ?? NaN;
    return better === 'more' ? ours / limit : limit / ours;
  });
  return {
    ...claim,
    value: median(pairs.map(({ ours }) => ours)),
    limit: median(limits),
    ratio: median(ratios),
    ratio_min: Math.min(...ratios),
    ratio_max: Math.max(...ratios),
    runs: pairs.length,
  };
}

/** @throws RangeError when there are no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError('No values have no median.');
  return (lower + upper) / 2;
}

/** The value that `share` (0 to 1) of the values do not exceed. @throws RangeError when there are no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('No values have no percentile.');
  return value;
}

/** Percentiles of times in ms under names that begin with `prefix`; never a mean alone. */
export function latencyDetails(prefix: string, latenciesMs: readonly number[]): Record<string, number> {
  return {
    [`${prefix}_p50_ms`]: percentile(latenciesMs, 0.5),
    [`${prefix}_p99_ms`]: percentile(latenciesMs, 0.99),
    [`${prefix}_max_ms`]: Math.max(...latenciesMs),
    [`${prefix}_samples`]: latenciesMs.length,
  };
}

/** How long each of so many calls takes, one after the other, in ms. */
export async function timesOf(count: number, call: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    await call();
    times.push(performance.now() - startedAt);
  }
  return times;
}
