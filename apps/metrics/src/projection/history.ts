import { bucketLengths } from '@parley/calendar';
import { emptyState, kpiCounters, revenueCounters } from '@parley/kpi';
import type { RevenueCounter, RevenueSums } from '@parley/kpi';
import { differenceOf, negated } from './amounts.ts';
import type { Amounts } from './amounts.ts';
import type { Contribution } from './bucket-sums.ts';
import { startOf } from './cell.ts';

/** By which days a fact came to count as what it does, so that all of it can be taken out under each of them. */
export interface History {
  /** The day on which it was first counted, in days since 1970. Null: it never was, or by code that kept no history. */
  readonly knownOn: number | null;
  /** What was changed on other days, as JSON. Null: nothing. */
  readonly later: string | null;
}

/** What counts somewhere, known since a day. */
export interface DatedContribution extends Contribution {
  readonly knownOn: number;
}

/** The UTC day of an instant, in days since 1970. */
export function dayOf(at: Date): number {
  return Math.floor(at.getTime() / bucketLengths.day);
}

/** A fact that counted as `was` and counts as `now`, with what this change on a day adds to its history. */
export function remember<Fact extends History>(
  after: Fact,
  was: Contribution | undefined,
  now: Contribution | undefined,
  day: number,
): Fact {
  if (now === undefined) return after;
  if (was === undefined) return { ...after, knownOn: day };
  if (after.knownOn === null || after.knownOn === day) return after;
  const changes = parse(after.later);
  changes.push(toChange(day, was, -1), toChange(day, now, 1));
  return { ...after, later: format(changes) };
}

/**
 * What a fact added under each day; together it is what it counts as now.
 * @param fallback the day for facts that have no history.
 */
export function datedContributions(
  { knownOn, later }: History,
  now: Contribution,
  fallback: number,
): readonly DatedContribution[] {
  const first = knownOn ?? fallback;
  return [
    { ...now, knownOn: first },
    ...parse(later).flatMap(({ day, start, botId, ...changed }) => {
      const place = { tenantId: now.tenantId, occurredAt: new Date(start), botId };
      const amounts = toAmounts(changed);
      return [
        { ...place, ...amounts, knownOn: day },
        { ...place, ...negated(amounts), knownOn: first },
      ];
    }),
  ];
}

/** Numbers by name, without what is 0; whole ones of any size as text. */
type Sparse<Value> = Readonly<Record<string, Value>>;

/** What was changed, as it is kept. */
interface Changed {
  readonly state: Sparse<number>;
  /** By bin. Absent: none. */
  readonly bins?: Sparse<number>;
  /** By currency: the sums in the order of `revenueCounters`. Absent: none. */
  readonly revenue?: Sparse<readonly string[]>;
}

/** What was added somewhere on a day. */
interface Change extends Changed {
  readonly day: number;
  /** Of the quarter of an hour. */
  readonly start: number;
  readonly botId: string;
}

function toChange(day: number, { occurredAt, botId, ...contribution }: Contribution, sign: 1 | -1): Change {
  const start = startOf('quarter', occurredAt.getTime());
  return { day, start, botId, ...toChanged(sign === 1 ? contribution : negated(contribution)) };
}

function toChanged({ state, bins, revenue }: Amounts): Changed {
  return {
    state: Object.fromEntries(kpiCounters.map((counter) => [counter, state[counter]])),
    bins: Object.fromEntries(bins),
    revenue: Object.fromEntries(
      revenue.map(([code, sums]) => [code, revenueCounters.map((counter) => String(sums[counter]))]),
    ),
  };
}

function toAmounts({ state, bins = {}, revenue = {} }: Changed): Amounts {
  return {
    state: { ...emptyState, ...state },
    bins: Object.entries(bins).map(([bin, count]) => [Number(bin), count] as const),
    revenue: Object.entries(revenue).map(([code, sums]) => [code, toRevenue(sums)] as const),
  };
}

function toRevenue(sums: readonly string[]): RevenueSums {
  const entries = revenueCounters.map((counter, index) => [counter, BigInt(sums[index] ?? 0)] as const);
  return Object.fromEntries(entries) as Record<RevenueCounter, bigint>;
}

function parse(later: string | null): Change[] {
  return later === null ? [] : (JSON.parse(later) as Change[]);
}

/** One form for the same changes, in whichever order they came: one for each day and bucket, without what is 0. */
function format(changes: readonly Change[]): string | null {
  const merged = new Map<string, Change>();
  for (const change of changes) {
    const key = JSON.stringify([change.day, change.start, change.botId]);
    merged.set(key, withoutZeros(change, merged.get(key)));
  }
  const kept = [...merged]
    .filter(([, { state, bins, revenue }]) => isFilled(state) || isFilled(bins) || isFilled(revenue))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, change]) => change);
  return kept.length === 0 ? null : JSON.stringify(kept);
}

function withoutZeros({ day, start, botId, ...changed }: Change, known: Change | undefined): Change {
  const sum = differenceOf(toAmounts(changed), negated(toAmounts(known ?? { state: {} })));
  const { bins, revenue } = toChanged(sum);
  const state = Object.fromEntries(
    kpiCounters.map((counter) => [counter, sum.state[counter]] as const).filter(([, value]) => value !== 0),
  );
  return {
    day,
    start,
    botId,
    state,
    ...(isFilled(bins) && { bins: sorted(bins) }),
    ...(isFilled(revenue) && { revenue: sorted(revenue) }),
  };
}

function isFilled<Value>(sparse: Sparse<Value> | undefined): sparse is Sparse<Value> {
  return sparse !== undefined && Object.keys(sparse).length > 0;
}

function sorted<Value>(sparse: Sparse<Value>): Sparse<Value> {
  return Object.fromEntries(Object.entries(sparse).sort(([one], [other]) => (one < other ? -1 : 1)));
}
