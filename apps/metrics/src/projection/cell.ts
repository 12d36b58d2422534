import { bucketLengths } from '@parley/calendar';
import type { BucketLevel } from '@parley/calendar';
import { addRevenue, emptyRevenue, emptyState, kpiCounters } from '@parley/kpi';
import type { KpiCounter, KpiState, RevenueSums } from '@parley/kpi';

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

/** Response times that are added to a bucket: how many in each bin. None: it was touched, and nothing came of it. */
export interface LatencyCell extends Bucket {
  readonly bins: ReadonlyMap<number, number>;
}

/** Revenue that is added to a bucket. */
export interface RevenueCell extends Bucket {
  readonly currencies: ReadonlyMap<string, RevenueSums>;
}

/** Members who paid in a currency, in a bucket. */
export interface PayerCell extends Bucket {
  readonly currencies: ReadonlyMap<string, ReadonlySet<number>>;
}

/** Members who had an interaction in a bucket. */
export interface MemberCell extends Bucket {
  readonly ordinals: ReadonlySet<number>;
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

/** What buckets hold while it grows. */
export interface Cells<Content> {
  /** What the bucket holds; made when it is asked for the first time. */
  at(tenantId: string, level: BucketLevel, start: number, botId: string, knownOn: number): Content;
  list(): readonly (Bucket & Content)[];
}

/** Days up to the year 2328; with the quarter hours and levels of that time a product far below 2^53. */
const maxDays = 2 ** 17;

/** No cells yet. They are found by numbers, since each event asks for some: a text for each would be most of the fold. */
export function createCells<Content extends object>(create: () => Content): Cells<Content> {
  const tenants = new Map<string, Map<string, Map<number, Bucket & Content>>>();
  const cells: (Bucket & Content)[] = [];
  return {
    at(tenantId, level, start, botId, knownOn) {
      let bots = tenants.get(tenantId);
      if (bots === undefined) tenants.set(tenantId, (bots = new Map()));
      let buckets = bots.get(botId);
      if (buckets === undefined) bots.set(botId, (buckets = new Map()));
      const key = ((start / bucketLengths.quarter) * 3 + levelNumbers[level]) * maxDays + knownOn;
      let cell = buckets.get(key);
      if (cell === undefined) {
        cell = { tenantId, level, start, botId, knownOn, ...create() };
        buckets.set(key, cell);
        cells.push(cell);
      }
      return cell;
    },
    list: () => cells,
  };
}

/** Adds quarter hours by bot up to every level, by bot and over all bots. A sum of zero stays: its rows exist too. */
export function rollUpStates(quarters: Iterable<StateCell>): readonly StateCell[] {
  const cells = createCells((): { readonly state: Sums } => ({ state: { ...emptyState } }));
  for (const { tenantId, start, botId, knownOn, state } of quarters) {
    for (const level of ['quarter', 'hour', 'day'] as const) {
      const from = startOf(level, start);
      addTo(cells.at(tenantId, level, from, botId, knownOn).state, state);
      addTo(cells.at(tenantId, level, from, '', knownOn).state, state);
    }
  }
  return cells.list();
}

/** Adds bins of quarter hours by bot up to every level, by bot and over all bots. A count of zero stays, as a sum does. */
export function rollUpLatencies(quarters: Iterable<LatencyCell>): readonly LatencyCell[] {
  const cells = createCells((): { readonly bins: Map<number, number> } => ({ bins: new Map() }));
  for (const { tenantId, start, botId, knownOn, bins } of quarters) {
    for (const level of ['quarter', 'hour', 'day'] as const) {
      const from = startOf(level, start);
      for (const bot of [botId, '']) {
        const sums = cells.at(tenantId, level, from, bot, knownOn).bins;
        for (const [bin, count] of bins) sums.set(bin, (sums.get(bin) ?? 0) + count);
      }
    }
  }
  return cells.list();
}

/** Adds revenue of quarter hours by bot up to every level, by bot and over all bots. A sum of zero stays. */
export function rollUpRevenue(quarters: Iterable<RevenueCell>): readonly RevenueCell[] {
  const cells = createCells((): { readonly currencies: Map<string, RevenueSums> } => ({
    currencies: new Map(),
  }));
  for (const { tenantId, start, botId, knownOn, currencies } of quarters) {
    for (const level of ['quarter', 'hour', 'day'] as const) {
      const from = startOf(level, start);
      for (const bot of [botId, '']) {
        const sums = cells.at(tenantId, level, from, bot, knownOn).currencies;
        for (const [code, added] of currencies) {
          sums.set(code, addRevenue(sums.get(code) ?? emptyRevenue, added));
        }
      }
    }
  }
  return cells.list();
}

/** Unites payers of hours up to days; those of all bots are told apart already. */
export function rollUpPayers(hours: Iterable<PayerCell>): readonly PayerCell[] {
  const cells = createCells((): { readonly currencies: Map<string, Set<number>> } => ({
    currencies: new Map(),
  }));
  for (const { tenantId, start, botId, knownOn, currencies } of hours) {
    for (const level of ['hour', 'day'] as const) {
      const united = cells.at(tenantId, level, startOf(level, start), botId, knownOn).currencies;
      for (const [code, ordinals] of currencies) {
        const payers = united.get(code);
        if (payers === undefined) united.set(code, new Set(ordinals));
        else for (const ordinal of ordinals) payers.add(ordinal);
      }
    }
  }
  return cells.list();
}

/** Unites members of hours by bot up to days, by bot and over all bots. */
export function rollUpMembers(hours: Iterable<MemberCell>): readonly MemberCell[] {
  const cells = createCells((): { readonly ordinals: Set<number> } => ({ ordinals: new Set() }));
  for (const { tenantId, start, botId, knownOn, ordinals } of hours) {
    for (const level of ['hour', 'day'] as const) {
      const from = startOf(level, start);
      const ofBot = cells.at(tenantId, level, from, botId, knownOn).ordinals;
      const ofAll = cells.at(tenantId, level, from, '', knownOn).ordinals;
      for (const ordinal of ordinals) {
        ofBot.add(ordinal);
        ofAll.add(ordinal);
      }
    }
  }
  return cells.list();
}

/** The start of the bucket that holds an instant, in milliseconds since 1970. */
export function startOf(level: BucketLevel, at: number): number {
  const length = bucketLengths[level];
  return Math.floor(at / length) * length;
}
