import { bucketLengths } from '@parley/calendar';
import { emptyState, kpiCounters, subtractStates } from '@parley/kpi';
import type { KpiCounter, KpiState } from '@parley/kpi';
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
    ...parse(later).flatMap(({ day, start, botId, state }) => {
      const change = {
        tenantId: now.tenantId,
        occurredAt: new Date(start),
        botId,
        state: { ...emptyState, ...state },
      };
      return [
        { ...change, knownOn: day },
        { ...change, state: subtractStates(emptyState, change.state), knownOn: first },
      ];
    }),
  ];
}

/** What was added somewhere on a day. */
interface Change {
  readonly day: number;
  /** Of the quarter of an hour. */
  readonly start: number;
  readonly botId: string;
  readonly state: Partial<Record<KpiCounter, number>>;
}

function toChange(day: number, { occurredAt, botId, state }: Contribution, sign: 1 | -1): Change {
  const start = startOf('quarter', occurredAt.getTime());
  return { day, start, botId, state: signed(state, sign) };
}

function signed(state: KpiState, sign: 1 | -1): Change['state'] {
  return Object.fromEntries(kpiCounters.map((counter) => [counter, sign * state[counter]]));
}

function parse(later: string | null): Change[] {
  return later === null ? [] : (JSON.parse(later) as Change[]);
}

/** One form for the same changes, in whichever order they came: one for each day and bucket, without what is 0. */
function format(changes: readonly Change[]): string | null {
  const merged = new Map<string, Change & { readonly state: Record<string, number> }>();
  for (const { day, start, botId, state } of changes) {
    const key = JSON.stringify([day, start, botId]);
    const known = merged.get(key)?.state;
    const sums = Object.fromEntries(
      kpiCounters
        .map((counter) => [counter, (known?.[counter] ?? 0) + (state[counter] ?? 0)] as const)
        .filter(([, value]) => value !== 0),
    );
    merged.set(key, { day, start, botId, state: sums });
  }
  const kept = [...merged]
    .filter(([, { state }]) => Object.keys(state).length > 0)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, change]) => change);
  return kept.length === 0 ? null : JSON.stringify(kept);
}
