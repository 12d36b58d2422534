import type { Range } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { DomainError, invalidArgument } from '@parley/errors';
import {
  addRevenue,
  addStates,
  conversationCounters,
  emptyConversationState,
  emptyRevenue,
  emptyState,
  kpiCounters,
  latencyBin,
  revenueCounters,
} from '@parley/kpi';
import type { ConversationCounter, KpiCounter, RevenueCounter, RevenueSums } from '@parley/kpi';
import { levelNumbers } from '../projection/cell.ts';
import { createCells } from './cells.ts';
import type { Cells } from './cells.ts';
import { cutParameters, leftOf } from './cut-parameters.ts';
import type { CutWindow } from './cut-parameters.ts';
import { factsAsOf } from './facts-as-of.ts';
import type { Cell, FigureSource, SourceOptions } from './figure-source.ts';
import { columnOf } from './kpi-columns.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { countEach, uniteEach } from './member-set.ts';
import type { MemberSet, Union } from './member-set.ts';
import { revenueColumn } from './revenue-store.ts';
import type { ByBot } from './rollup-rows.ts';
import {
  activeSql,
  conversationSumsSql,
  earningsSql,
  latenciesSql,
  payingSql,
  sumsSql,
} from './rollup-source.sql.ts';

/** A day of knowledge after all others: the year 4707. */
const always = 1_000_000;
const levels = ['day', 'hour', 'quarter'] as const;
/** Quarter hours have no sets of their own. */
const setLevels = ['day', 'hour'] as const;
/** How many sets may be joined in an answer; each takes up to a tenth of a millisecond. */
const maxSets = 100_000;

/**
 * Answers from buckets, for a tenant or one of its bots, together or by bot. What is left inside a quarter hour (of members:
 * inside an hour) is counted from facts.
 */
export function createRollupSource(
  tx: Transaction,
  scope: ReadScope,
  { dimensions, asOf }: SourceOptions,
): FigureSource {
  const isByBot = dimensions.length > 0;
  const valuesOf = (value: string): readonly string[] => (isByBot ? [value] : []);
  const ask = async <Row>(
    { together, byBot }: ByBot<{ readonly name: string; readonly text: string }>,
    windows: readonly unknown[][],
    ...further: readonly unknown[]
  ): Promise<readonly (Row & Place)[]> => {
    const { partition, tenantId, generation, botId } = scope;
    const of = [partition, tenantId, generation, botId, asOf ?? always];
    const { rows } = await tx.query<Row & Place>(isByBot ? byBot : together, [...of, ...windows, ...further]);
    return rows;
  };
  /** What is left is told by histories where the answer is as of an earlier day. */
  const cut = (windows: readonly CutWindow[]): readonly unknown[][] => {
    const parameters = cutParameters(windows, levels);
    return asOf === undefined ? parameters : [...parameters.slice(0, 4), [], [], []];
  };
  const earlier = async (windows: readonly CutWindow[], kinds: Parameters<typeof factsAsOf>[2]) =>
    asOf === undefined ? [] : factsAsOf(tx, scope, kinds, leftOf(windows, levels), asOf);
  const cellsOf = <Content>(windows: readonly unknown[], create: () => Content): Cells<Content> =>
    createCells(isByBot ? 0 : windows.length, create);

  const readSets = async (
    statement: typeof activeSql,
    windows: readonly CutWindow[],
    ...further: readonly unknown[]
  ) => {
    const parameters = cutParameters(windows, setLevels);
    const found = await ask<SetRow>(statement, [...joined(windows), ...parameters.slice(4)], ...further);
    return unionsOf(found, windows, isByBot);
  };
  const membersBy = <Result>(
    found: readonly UnionsOfValue[],
    read: (sets: readonly MemberSet[], unions: readonly Union[]) => readonly Result[],
  ): readonly Cell<Result>[] =>
    found.flatMap(({ value, sets, unions }) =>
      read(sets, unions).flatMap((content, index) => {
        const position = unions[index]?.position;
        return position === undefined ? [] : [{ position, values: valuesOf(value), content }];
      }),
    );

  return {
    dimensions,
    async sums(windows) {
      const cells = cellsOf(windows, () => ({ state: emptyState }));
      for (const row of await ask<Record<string, bigint>>(sumsSql, cut(windows))) {
        const cell = cells.at(row.position, valuesOf(row.value));
        const entries = kpiCounters.map((counter) => [counter, Number(row[columnOf(counter)])] as const);
        cell.state = Object.fromEntries(entries) as Record<KpiCounter, number>;
      }
      for (const { position, botId, state } of await earlier(windows, [
        'interaction',
        'conversion',
        'feedback',
      ])) {
        const cell = cells.at(position, valuesOf(botId));
        cell.state = addStates(cell.state, state);
      }
      return cells.list(({ state }) => state);
    },
    async conversations(windows) {
      if (asOf !== undefined && leftOf(windows, levels).length > 0) throw inexact();
      const cells = cellsOf(windows, () => ({ state: emptyConversationState }));
      for (const row of await ask<Record<string, bigint>>(conversationSumsSql, cut(windows))) {
        const entries = conversationCounters.map(
          (counter) => [counter, Number(row[columnOf(counter)])] as const,
        );
        cells.at(row.position, valuesOf(row.value)).state = Object.fromEntries(entries) as Record<
          ConversationCounter,
          number
        >;
      }
      return cells.list(({ state }) => state);
    },
    async latencies(windows) {
      const cells = cellsOf(windows, () => new Map<number, number>());
      const add = (bins: Map<number, number>, bin: number, count: number): void => {
        bins.set(bin, (bins.get(bin) ?? 0) + count);
      };
      const rows = await ask<{ bin: number | null; ms: number | null; count: bigint }>(
        latenciesSql,
        cut(windows),
      );
      for (const { position, value, bin, ms, count } of rows) {
        add(cells.at(position, valuesOf(value)), bin ?? latencyBin(ms ?? 0), Number(count));
      }
      for (const { position, botId, bins } of await earlier(windows, ['interaction'])) {
        for (const [bin, count] of bins) add(cells.at(position, valuesOf(botId)), bin, count);
      }
      return cells.list((bins) => bins);
    },
    async awaiting(windows, after) {
      const stretches = windows.map(({ start, end }) => {
        const from = start > after ? start : after;
        return toLeft(from < end ? from : end, end);
      });
      const cells = cellsOf(windows, () => ({ count: 0 }));
      if (asOf === undefined) {
        for (const row of await ask<Record<string, bigint>>(sumsSql, cutParameters(stretches, levels))) {
          cells.at(row.position, valuesOf(row.value)).count = Number(row[columnOf('withoutResponseCount')]);
        }
      } else {
        const left = leftOf(stretches, levels);
        for (const { position, botId, state } of await factsAsOf(tx, scope, ['interaction'], left, asOf)) {
          cells.at(position, valuesOf(botId)).count += state.withoutResponseCount;
        }
      }
      return cells.list(({ count }) => count);
    },
    async revenue(windows) {
      const cells = cellsOf(windows, () => new Map<string, RevenueSums>());
      for (const row of await ask<Record<string, string>>(earningsSql, cut(windows))) {
        const currencies = cells.at(row.position, valuesOf(row.value));
        currencies.set(row['currency_code'] ?? '', toRevenue(row));
      }
      for (const { position, botId, revenue } of await earlier(windows, ['conversion', 'refund'])) {
        const currencies = cells.at(position, valuesOf(botId));
        for (const [code, sums] of revenue) {
          currencies.set(code, addRevenue(currencies.get(code) ?? emptyRevenue, sums));
        }
      }
      return cells.list((currencies) => currencies);
    },
    async members(windows) {
      return membersBy(await readSets(activeSql, windows), uniteEach);
    },
    async memberCounts(windows) {
      return membersBy(await readSets(activeSql, windows), countEach);
    },
    async payers(windows, currencyCode) {
      return membersBy(await readSets(payingSql, windows, currencyCode), uniteEach);
    },
  };
}

/** A row's window, and the value by which it is told apart. */
interface Place {
  readonly position: number;
  readonly value: string;
}

interface SetRow {
  /** Null: an ordinal of what is left. */
  readonly level: number | null;
  readonly bucket_start: Date | null;
  readonly members: Buffer | null;
  readonly ordinal: number | null;
}

/** The sets of a value, and of which of them each window consists. */
interface UnionsOfValue {
  readonly value: string;
  readonly sets: readonly MemberSet[];
  readonly unions: readonly (Union & { readonly position: number })[];
}

/** The buckets that any of the windows holds, each once: as parameters, and of no window. */
function joined(windows: readonly CutWindow[]): readonly unknown[][] {
  const days = merged(windows.flatMap(({ cut }) => cut.days));
  const hours = merged(windows.flatMap(({ cut }) => cut.hours));
  const ranges = [...days, ...hours];
  return [
    ranges.map(() => 0),
    [...days.map(() => levelNumbers.day), ...hours.map(() => levelNumbers.hour)],
    ranges.map(({ start }) => start),
    ranges.map(({ end }) => end),
  ];
}

/** Ranges that together are these, none of them next to another. */
function merged(ranges: readonly Range[]): readonly Range[] {
  const found: { start: Date; end: Date }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start.getTime() - b.start.getTime())) {
    const last = found.at(-1);
    if (last !== undefined && start <= last.end) last.end = end > last.end ? end : last.end;
    else found.push({ start, end });
  }
  return found;
}

/** @throws DomainError `resource-exhausted` where too many sets would be joined. */
function unionsOf(
  rows: readonly (SetRow & Place)[],
  windows: readonly CutWindow[],
  isByBot: boolean,
): readonly UnionsOfValue[] {
  const byValue = new Map<string, { readonly rows: SetRow[]; readonly ordinals: Map<number, number[]> }>();
  const at = (value: string) => {
    const known = byValue.get(value);
    if (known !== undefined) return known;
    const made = { rows: [], ordinals: new Map<number, number[]>() };
    byValue.set(value, made);
    return made;
  };
  if (!isByBot) at('');
  for (const row of rows) {
    const { position, value, ordinal } = row;
    if (row.level !== null) {
      at(value).rows.push(row);
    } else if (ordinal !== null) {
      const { ordinals } = at(value);
      const known = ordinals.get(position);
      if (known === undefined) ordinals.set(position, [ordinal]);
      else known.push(ordinal);
    }
  }
  let joins = 0;
  return [...byValue].map(([value, of]) => {
    const sorted = of.rows.toSorted((a, b) => timeOf(a) - timeOf(b));
    const places = { day: [] as number[], hour: [] as number[] };
    for (const [place, { level }] of sorted.entries()) {
      places[level === levelNumbers.day ? 'day' : 'hour'].push(place);
    }
    const unions = windows.flatMap(({ cut }, position) => {
      const sets = [
        ...cut.days.flatMap((range) => within(places.day, sorted, range)),
        ...cut.hours.flatMap((range) => within(places.hour, sorted, range)),
      ];
      joins += sets.length;
      if (joins > maxSets) throw tooManySets();
      const ordinals = of.ordinals.get(position) ?? [];
      // Where there are dimensions a window without anybody has no cell.
      return isByBot && sets.length + ordinals.length === 0 ? [] : [{ position, sets, ordinals }];
    });
    return { value, sets: sorted.map(({ members }) => members ?? Buffer.alloc(0)), unions };
  });
}

function timeOf({ bucket_start: start }: SetRow): number {
  return start?.getTime() ?? 0;
}

/** The places, in order of time, whose buckets begin in the range. */
function within(
  places: readonly number[],
  rows: readonly SetRow[],
  { start, end }: Range,
): readonly number[] {
  const first = (at: number): number => {
    let [from, to] = [0, places.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const row = rows[places[middle] ?? 0];
      if (row !== undefined && timeOf(row) < at) from = middle + 1;
      else to = middle;
    }
    return from;
  };
  return places.slice(first(start.getTime()), first(end.getTime()));
}

/** A few minutes, all of which are counted from facts. */
function toLeft(start: Date, end: Date): CutWindow {
  const edges = start < end ? [{ start, end }] : [];
  return { start, end, cut: { days: [], hours: [], quarters: [], edges } };
}

function toRevenue(row: Record<string, unknown>): RevenueSums {
  const entries = revenueCounters.map(
    (counter) => [counter, BigInt(String(row[revenueColumn(counter)]))] as const,
  );
  return Object.fromEntries(entries) as Record<RevenueCounter, bigint>;
}

function inexact(): DomainError {
  const description =
    'must begin and end on full quarter hours of UTC: as of an earlier day conversations are counted by these';
  return invalidArgument([{ field: 'window', description, reason: 'INEXACT_WINDOW' }]);
}

function tooManySets(): DomainError {
  return new DomainError(
    `The answer would join more than ${maxSets} sets of members; ask for a shorter window or longer points.`,
    { kind: 'resource-exhausted', reason: 'TOO_MANY_ROWS', facts: { limit: String(maxSets) } },
  );
}
