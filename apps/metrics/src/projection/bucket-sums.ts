import { bucketLengths } from '@parley/calendar';
import { emptyState, kpiCounters, subtractStates } from '@parley/kpi';
import type { KpiState } from '@parley/kpi';
import type { MemberCell, StateCell, Sums } from './cell.ts';
import { addTo, createCells, startOf } from './cell.ts';

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
  const states = createCells((): { readonly state: Sums } => ({ state: { ...emptyState } }));
  const memberships = createCells((): { readonly ordinals: Set<number> } => ({ ordinals: new Set() }));

  const add = ({ tenantId, occurredAt, botId }: Place, state: KpiState, receivedAt: Date): void => {
    if (kpiCounters.every((counter) => state[counter] === 0)) return;
    const start = startOf('quarter', occurredAt.getTime());
    addTo(states.at(tenantId, 'quarter', start, botId, dayOf(receivedAt)).state, state);
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
    join({ tenantId, occurredAt, botId }, memberOrdinal, receivedAt) {
      const start = startOf('hour', occurredAt.getTime());
      memberships.at(tenantId, 'hour', start, botId, dayOf(receivedAt)).ordinals.add(memberOrdinal);
    },
    states: states.list,
    memberships: memberships.list,
  };
}

/** Days since 1970. */
function dayOf(receivedAt: Date): number {
  return Math.floor(receivedAt.getTime() / bucketLengths.day);
}

/** Of one fact, so of one tenant. */
function isSameBucket(one: Place, other: Place): boolean {
  return (
    one.botId === other.botId &&
    startOf('quarter', one.occurredAt.getTime()) === startOf('quarter', other.occurredAt.getTime())
  );
}
