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
  /** Adds a state under a day. One of nothing leaves no trace. */
  add(place: Place, state: KpiState, knownOn: number): void;
  /** Takes one contribution out and puts another in, under the day on which the event that causes it was received. */
  replace(before: Contribution | undefined, after: Contribution | undefined, knownOn: number): void;
  /** A member had an interaction there. */
  join(place: Place, memberOrdinal: number, knownOn: number): void;
  /** By quarter hour. */
  states(): readonly StateCell[];
  /** By hour. */
  memberships(): readonly MemberCell[];
}

export function createBucketSums(): BucketSums {
  const states = createCells((): { readonly state: Sums } => ({ state: { ...emptyState } }));
  const memberships = createCells((): { readonly ordinals: Set<number> } => ({ ordinals: new Set() }));

  const add = ({ tenantId, occurredAt, botId }: Place, state: KpiState, knownOn: number): void => {
    if (kpiCounters.every((counter) => state[counter] === 0)) return;
    const start = startOf('quarter', occurredAt.getTime());
    addTo(states.at(tenantId, 'quarter', start, botId, knownOn).state, state);
  };

  return {
    add,
    replace(before, after, knownOn) {
      if (before !== undefined && after !== undefined && isSameBucket(before, after)) {
        add(after, subtractStates(after.state, before.state), knownOn);
        return;
      }
      if (before !== undefined) add(before, subtractStates(emptyState, before.state), knownOn);
      if (after !== undefined) add(after, after.state, knownOn);
    },
    join({ tenantId, occurredAt, botId }, memberOrdinal, knownOn) {
      const start = startOf('hour', occurredAt.getTime());
      memberships.at(tenantId, 'hour', start, botId, knownOn).ordinals.add(memberOrdinal);
    },
    states: states.list,
    memberships: memberships.list,
  };
}

/** Of one fact, so of one tenant. */
function isSameBucket(one: Place, other: Place): boolean {
  return (
    one.botId === other.botId &&
    startOf('quarter', one.occurredAt.getTime()) === startOf('quarter', other.occurredAt.getTime())
  );
}
