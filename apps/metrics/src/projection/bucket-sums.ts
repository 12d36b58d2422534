import { bucketLengths, bucketStart } from '@parley/calendar';
import { emptyState, kpiCounters, subtractStates } from '@parley/kpi';
import type { KpiState } from '@parley/kpi';
import type { Bucket, MemberCell, StateCell, Sums } from './cell.ts';
import { addTo, bucketKey } from './cell.ts';

/** Where something counts. */
export interface Place {
  readonly tenantId: string;
  readonly occurredAt: Date;
  readonly botId: string;
}

/** As what it counts there. */
export interface Contribution extends Place {
  readonly state: KpiState;
}

/** What a batch of events adds to each bot's buckets of the finest level. */
export interface BucketSums {
  /**
   * Takes one contribution out and puts another in, under the day on which the event that causes it was received. A
   * change of nothing leaves no trace.
   */
  replace(before: Contribution | undefined, after: Contribution | undefined, receivedAt: Date): void;
  /** A member had an interaction there. */
  join(place: Place, memberOrdinal: number, receivedAt: Date): void;
  /** By quarter hour. */
  states(): readonly StateCell[];
  /** By hour. */
  memberships(): readonly MemberCell[];
}

export function createBucketSums(): BucketSums {
  const states = new Map<string, Bucket & { readonly state: Sums }>();
  const memberships = new Map<string, Bucket & { readonly ordinals: Set<number> }>();

  const add = (place: Place, state: KpiState, receivedAt: Date): void => {
    if (kpiCounters.every((counter) => state[counter] === 0)) return;
    const bucket = bucketOf('quarter', place, receivedAt);
    const key = bucketKey(bucket);
    const cell = states.get(key);
    if (cell === undefined) states.set(key, { ...bucket, state: { ...state } });
    else addTo(cell.state, state);
  };

  return {
    replace(before, after, receivedAt) {
      if (before !== undefined && after !== undefined && isSameBucket(before, after)) {
        add(after, subtractStates(after.state, before.state), receivedAt);
        return;
      }
      if (before !== undefined) add(before, subtractStates(emptyState, before.state), receivedAt);
      if (after !== undefined) add(after, after.state, receivedAt);
    },
    join(place, memberOrdinal, receivedAt) {
      const bucket = bucketOf('hour', place, receivedAt);
      const key = bucketKey(bucket);
      const cell = memberships.get(key);
      if (cell === undefined) memberships.set(key, { ...bucket, ordinals: new Set([memberOrdinal]) });
      else cell.ordinals.add(memberOrdinal);
    },
    states: () => [...states.values()],
    memberships: () => [...memberships.values()],
  };
}

function bucketOf(
  level: 'quarter' | 'hour',
  { tenantId, occurredAt, botId }: Place,
  receivedAt: Date,
): Bucket {
  const knownOn = Math.floor(receivedAt.getTime() / bucketLengths.day);
  return { tenantId, level, start: bucketStart(level, occurredAt).getTime(), botId, knownOn };
}

/** Of one fact, so of one tenant. */
function isSameBucket(one: Place, other: Place): boolean {
  return (
    one.botId === other.botId &&
    bucketStart('quarter', one.occurredAt).getTime() === bucketStart('quarter', other.occurredAt).getTime()
  );
}
