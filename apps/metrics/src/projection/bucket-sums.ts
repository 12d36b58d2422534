import { addRevenue, emptyRevenue, emptyState } from '@parley/kpi';
import type { RevenueSums } from '@parley/kpi';
import { differenceOf, isNoState, negated } from './amounts.ts';
import type { Amounts } from './amounts.ts';
import type { LatencyCell, MemberCell, PayerCell, RevenueCell, StateCell, Sums } from './cell.ts';
import { addTo, createCells, startOf } from './cell.ts';

/** Where something counts. */
export interface Place {
  readonly tenantId: string;
  readonly occurredAt: Date;
  readonly botId: string;
}

/** As what it counts there. */
export interface Contribution extends Place, Amounts {}

/** What a batch of events adds to each bot's buckets of the finest level. */
export interface BucketSums {
  /** Adds under a day. What is nothing leaves no trace. */
  add(place: Place, amounts: Amounts, knownOn: number): void;
  /** Takes one contribution out and puts another in, under the day on which the event that causes it was received. */
  replace(before: Contribution | undefined, after: Contribution | undefined, knownOn: number): void;
  /** A member had an interaction there. */
  join(place: Place, memberOrdinal: number, knownOn: number): void;
  /** A member paid there; under no bot's id: with all bots together. */
  pay(place: Place, currencyCode: string, memberOrdinal: number, knownOn: number): void;
  /** By quarter hour. */
  states(): readonly StateCell[];
  /** By quarter hour. */
  latencies(): readonly LatencyCell[];
  /** By quarter hour. */
  revenue(): readonly RevenueCell[];
  /** By hour. */
  memberships(): readonly MemberCell[];
  /** By hour. */
  payers(): readonly PayerCell[];
}

/** @param isSealed where nothing is added or joined: what these buckets hold is there already. */
export function createBucketSums(isSealed: (place: Place) => boolean = () => false): BucketSums {
  const states = createCells((): { readonly state: Sums } => ({ state: { ...emptyState } }));
  const latencies = createCells((): { readonly bins: Map<number, number> } => ({ bins: new Map() }));
  const revenues = createCells((): { readonly currencies: Map<string, RevenueSums> } => ({
    currencies: new Map(),
  }));
  const memberships = createCells((): { readonly ordinals: Set<number> } => ({ ordinals: new Set() }));
  const payers = createCells((): { readonly currencies: Map<string, Set<number>> } => ({
    currencies: new Map(),
  }));

  const add = (place: Place, amounts: Amounts, knownOn: number): void => {
    if (isSealed(place)) return;
    const { tenantId, occurredAt, botId } = place;
    const { state, bins, revenue } = amounts;
    const start = startOf('quarter', occurredAt.getTime());
    if (!isNoState(state)) addTo(states.at(tenantId, 'quarter', start, botId, knownOn).state, state);
    for (const [bin, count] of bins) {
      const sums = latencies.at(tenantId, 'quarter', start, botId, knownOn).bins;
      sums.set(bin, (sums.get(bin) ?? 0) + count);
    }
    for (const [code, added] of revenue) {
      const { currencies } = revenues.at(tenantId, 'quarter', start, botId, knownOn);
      currencies.set(code, addRevenue(currencies.get(code) ?? emptyRevenue, added));
    }
  };

  return {
    add,
    replace(before, after, knownOn) {
      if (before !== undefined && after !== undefined && isSameBucket(before, after)) {
        add(after, differenceOf(after, before), knownOn);
        return;
      }
      if (before !== undefined) add(before, negated(before), knownOn);
      if (after !== undefined) add(after, after, knownOn);
    },
    join(place, memberOrdinal, knownOn) {
      if (isSealed(place)) return;
      const { tenantId, occurredAt, botId } = place;
      const start = startOf('hour', occurredAt.getTime());
      memberships.at(tenantId, 'hour', start, botId, knownOn).ordinals.add(memberOrdinal);
    },
    pay(place, currencyCode, memberOrdinal, knownOn) {
      if (isSealed(place)) return;
      const { tenantId, occurredAt, botId } = place;
      const start = startOf('hour', occurredAt.getTime());
      const { currencies } = payers.at(tenantId, 'hour', start, botId, knownOn);
      const ordinals = currencies.get(currencyCode);
      if (ordinals === undefined) currencies.set(currencyCode, new Set([memberOrdinal]));
      else ordinals.add(memberOrdinal);
    },
    states: states.list,
    latencies: latencies.list,
    revenue: revenues.list,
    memberships: memberships.list,
    payers: payers.list,
  };
}

/** Of one fact, so of one tenant. */
function isSameBucket(one: Place, other: Place): boolean {
  return (
    one.botId === other.botId &&
    startOf('quarter', one.occurredAt.getTime()) === startOf('quarter', other.occurredAt.getTime())
  );
}
