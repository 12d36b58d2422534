import { bucketLengths } from '@parley/calendar';
import type { BucketLevel } from '@parley/calendar';
import { kpiCounters } from '@parley/kpi';
import type { KpiCounter, KpiState } from '@parley/kpi';

/** The numbers of the levels, as stored. */
export const levelNumbers: Readonly<Record<BucketLevel, number>> = { quarter: 0, hour: 1, day: 2 };

/** Where something counts, at one level. */
export interface Bucket {
  readonly tenantId: string;
  readonly level: BucketLevel;
  /** Milliseconds since 1970. */
  readonly start: number;
  /** Empty: all bots. */
  readonly botId: string;
  /** Days since 1970: the UTC day on which the event that brought it was received. */
  readonly knownOn: number;
}

/** What is added to a bucket. */
export interface StateCell extends Bucket {
  readonly state: KpiState;
}

/** Members who had an interaction in a bucket. */
export interface MemberCell extends Bucket {
  readonly ordinals: ReadonlySet<number>;
}

/** The bucket of that level that holds this one, which is of a finer level; of its bot or of all bots. */
function widen(bucket: Bucket, level: BucketLevel, botId: string): Bucket {
  const length = bucketLengths[level];
  const { tenantId, knownOn } = bucket;
  return { tenantId, level, start: Math.floor(bucket.start / length) * length, botId, knownOn };
}

/** Text that differs where two buckets differ; the bot, which may hold anything, comes last. */
export function bucketKey({ tenantId, level, start, knownOn, botId }: Bucket): string {
  return `${tenantId} ${level} ${start} ${knownOn} ${botId}`;
}

/** A state that grows in place: there are as many additions as events. */
export type Sums = Record<KpiCounter, number>;

/** Adds a state to sums. */
export function addTo(sums: Sums, state: KpiState): void {
  for (const counter of kpiCounters) sums[counter] += state[counter];
}

/** Adds quarter hours by bot up to every level, by bot and over all bots. A sum of zero stays: its rows exist too. */
export function rollUpStates(quarters: Iterable<StateCell>): StateCell[] {
  const cells = new Map<string, Bucket & { readonly state: Sums }>();
  for (const quarter of quarters) {
    for (const bucket of widenings(quarter, ['quarter', 'hour', 'day'])) {
      const key = bucketKey(bucket);
      const cell = cells.get(key);
      if (cell === undefined) cells.set(key, { ...bucket, state: { ...quarter.state } });
      else addTo(cell.state, quarter.state);
    }
  }
  return [...cells.values()];
}

/** Unites members of hours by bot up to days, by bot and over all bots. */
export function rollUpMembers(hours: Iterable<MemberCell>): MemberCell[] {
  const cells = new Map<string, Bucket & { readonly ordinals: Set<number> }>();
  for (const hour of hours) {
    for (const bucket of widenings(hour, ['hour', 'day'])) {
      const key = bucketKey(bucket);
      const cell = cells.get(key) ?? { ...bucket, ordinals: new Set<number>() };
      cells.set(key, cell);
      for (const ordinal of hour.ordinals) cell.ordinals.add(ordinal);
    }
  }
  return [...cells.values()];
}

function widenings(bucket: Bucket, levels: readonly BucketLevel[]): Bucket[] {
  return levels.flatMap((level) => [widen(bucket, level, bucket.botId), widen(bucket, level, '')]);
}
