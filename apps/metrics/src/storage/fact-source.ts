import type { Transaction } from '@parley/database';
import {
  addRevenue,
  conversationCounters,
  emptyConversationState,
  emptyRevenue,
  emptyState,
  isNoRevenue,
  kpiCounters,
  latencyBin,
  longestOfBin,
  revenueCounters,
} from '@parley/kpi';
import type { ConversationCounter, KpiCounter, RevenueCounter, RevenueSums } from '@parley/kpi';
import { createCells } from './cells.ts';
import type { Cells } from './cells.ts';
import type { CutWindow } from './cut-parameters.ts';
import { requireFewFacts } from './fact-count.sql.ts';
import { createFactQuestion, factRows, factSums, placeColumns, together } from './fact-source.sql.ts';
import type { FactQuestion } from './fact-source.sql.ts';
import type { Cell, FigureSource, SourceOptions } from './figure-source.ts';
import { columnOf } from './kpi-columns.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { revenueColumn } from './revenue-store.ts';
import { maxRows as mostRows } from './too-many-rows.ts';
import { conversationValuesAsOf, laterBins, revenueValuesAsOf, stateValuesAsOf } from './values-as-of.ts';

export interface FactSourceOptions extends SourceOptions {
  /** How many facts a question may be about; 2,000,000 unless told. */
  readonly maxRows?: number;
}

/**
 * Answers from facts: of any scope, by up to three dimensions. A conversation is taken for its first interaction; a
 * conversion, refund and rating for what they say themselves, else for their interaction. A member of several segments
 * counts in each. As of an earlier day facts are told by their histories; whom a fact is of, and where a conversation
 * begins, is as known now, but for what was not known at all then.
 *
 * Each method throws DomainError `resource-exhausted`, reason TOO_MANY_ROWS, for too many facts.
 */
export function createFactSource(
  tx: Transaction,
  scope: ReadScope,
  { dimensions, asOf, maxRows = mostRows }: FactSourceOptions,
): FigureSource {
  const options: SourceOptions = { dimensions, asOf };
  const ask = async <Row extends object>(
    windows: FactQuestion['windows'],
    text: (question: FactQuestion) => string,
  ): Promise<readonly (Row & Place)[]> => {
    if (windows.length === 0) return [];
    await requireFewFacts(tx, scope, windows, maxRows);
    const question = createFactQuestion(scope, options, windows);
    // Without a name: which index is best depends on what is asked, and to plan it is little beside the facts.
    const { rows } = await tx.query<Row & Place>(text(question), question.parameters.values);
    return rows;
  };
  const valuesOf = (row: Place): readonly string[] =>
    dimensions.map((_, index) => String(row[`v${index}`] ?? ''));
  const cellsOf = <Content>(windows: readonly unknown[], create: () => Content): Cells<Content> =>
    createCells(dimensions.length === 0 ? windows.length : 0, create);
  /** Where there are dimensions, what nothing came of has no cell. */
  const filled = <Content>(
    cells: readonly Cell<Content>[],
    isEmpty: (content: Content) => boolean,
  ): readonly Cell<Content>[] =>
    dimensions.length === 0 ? cells : cells.filter(({ content }) => !isEmpty(content));

  const people = async (windows: readonly CutWindow[], text: (question: FactQuestion) => string) => {
    const cells = cellsOf(windows, (): { ordinals: Uint32Array } => ({ ordinals: new Uint32Array() }));
    const found = await ask<{ ordinals: Buffer }>(windows, (question) => gathered(text(question), question));
    for (const row of found) cells.at(row.position, valuesOf(row)).ordinals = toOrdinals(row.ordinals);
    return cells.list(({ ordinals }) => ordinals);
  };

  return {
    dimensions,
    async sums(windows) {
      const cells = cellsOf(windows, () => ({ ...emptyState }) as Record<KpiCounter, number>);
      for (const row of await ask<Record<string, bigint | null>>(windows, sumsSql)) {
        const state = cells.at(row.position, valuesOf(row));
        for (const counter of kpiCounters) state[counter] += Number(row[columnOf(counter)] ?? 0);
      }
      return filled(
        cells.list((state) => state),
        (state) => kpiCounters.every((counter) => state[counter] === 0),
      );
    },
    async latencies(windows) {
      const cells = cellsOf(windows, () => new Map<number, number>());
      for (const row of await ask<{ bin: number; count: bigint }>(windows, latenciesSql)) {
        const bins = cells.at(row.position, valuesOf(row));
        const count = (bins.get(row.bin) ?? 0) + Number(row.count);
        if (count === 0) bins.delete(row.bin);
        else bins.set(row.bin, count);
      }
      return filled(
        cells.list((bins) => bins),
        ({ size }) => size === 0,
      );
    },
    async conversations(windows) {
      const cells = cellsOf(
        windows,
        () => ({ ...emptyConversationState }) as Record<ConversationCounter, number>,
      );
      for (const row of await ask<Record<string, bigint | null>>(windows, conversationsSql)) {
        const state = cells.at(row.position, valuesOf(row));
        for (const counter of conversationCounters) {
          state[counter] += Number(row[columnOf(counter)] ?? 0);
        }
      }
      return filled(
        cells.list((state) => state),
        (state) => conversationCounters.every((counter) => state[counter] === 0),
      );
    },
    async awaiting(windows, after) {
      const stretches = windows.map(({ start, end }) => ({ start: start > after ? start : after, end }));
      const cells = cellsOf(windows, () => ({ count: 0 }));
      for (const row of await ask<{ without_response_count: bigint | null }>(stretches, awaitingSql)) {
        cells.at(row.position, valuesOf(row)).count = Number(row.without_response_count ?? 0);
      }
      return filled(
        cells.list(({ count }) => count),
        (count) => count === 0,
      );
    },
    async revenue(windows) {
      const cells = cellsOf(windows, () => new Map<string, RevenueSums>());
      for (const row of await ask<Record<string, string | null>>(windows, revenueSql)) {
        const currencies = cells.at(row.position, valuesOf(row));
        const code = String(row['currency_code']);
        const sums = addRevenue(currencies.get(code) ?? emptyRevenue, toRevenue(row));
        if (isNoRevenue(sums)) currencies.delete(code);
        else currencies.set(code, sums);
      }
      return filled(
        cells.list((currencies) => currencies),
        ({ size }) => size === 0,
      );
    },
    members: (windows) => people(windows, membersSql),
    async memberCounts(windows) {
      const cells = cellsOf(windows, () => ({ count: 0 }));
      const counts = (question: FactQuestion) => {
        const place = placeColumns(question);
        return `select ${place}, count(*) as count from (${membersSql(question)}) as f group by ${place}`;
      };
      for (const row of await ask<{ count: bigint }>(windows, counts)) {
        cells.at(row.position, valuesOf(row)).count = Number(row.count);
      }
      return cells.list(({ count }) => count);
    },
    payers: (windows, currencyCode) => people(windows, (question) => payersSql(question, currencyCode)),
  };
}

/** A row's window, and the values of its dimensions. */
interface Place {
  readonly position: number;
  readonly [value: `v${number}`]: string;
}

function sumsSql(question: FactQuestion): string {
  const { parameters, asOf } = question;
  const parts = (['interaction_facts', 'conversion_facts', 'feedback_facts'] as const).map((table) => {
    const values = stateValuesAsOf(table, parameters, asOf);
    const columns = values.columns.map(([name]) => name);
    return { rows: factSums(table, question, values, { type: 'bigint' }), columns };
  });
  return together(parts, {
    by: placeColumns(question),
    columns: kpiCounters.map((counter) => [columnOf(counter), 'bigint'] as const),
  });
}

function conversationsSql(question: FactQuestion): string {
  const values = conversationValuesAsOf(question.parameters, question.asOf);
  return factSums('conversation_facts', question, values, { type: 'bigint' });
}

function awaitingSql(question: FactQuestion): string {
  const values = stateValuesAsOf('interaction_facts', question.parameters, question.asOf);
  const columns = values.columns.filter(([name]) => name === 'without_response_count');
  return factSums('interaction_facts', question, { ...values, columns }, { type: 'bigint' });
}

function revenueSql(question: FactQuestion): string {
  const { parameters, asOf } = question;
  const conditions = {
    conversion_facts: '(f.value_minor_units > 0 or f.refunded_minor_units > 0)',
    refund_facts: 'f.value_minor_units > 0',
  };
  const parts = (['conversion_facts', 'refund_facts'] as const).map((table) => {
    const values = revenueValuesAsOf(table, parameters, asOf);
    const wanted = { ...values, condition: conditions[table] };
    const by = [['currency_code', 'f.currency_code']] as const;
    const columns = values.columns.map(([name]) => name);
    return { rows: factSums(table, question, wanted, { by, type: 'text' }), columns };
  });
  return together(parts, {
    by: placeColumns(question, 'currency_code'),
    columns: revenueCounters.map((counter) => [revenueColumn(counter), 'text'] as const),
  });
}

/** The shortest time of each bin that holds a whole millisecond, up to the longest that a fact can say. */
const shortestTimes: readonly number[] = [
  ...new Set(
    Array.from({ length: latencyBin(2 ** 31 - 1) + 2 }, (_, index) =>
      index === 0 ? 0 : longestOfBin(index - 2) + 1,
    ),
  ),
];
const binsOfTimes = shortestTimes.map(latencyBin);

/** Counted by bin here: as times they would be as many rows as there are different ones. */
function latenciesSql(question: FactQuestion): string {
  const { parameters, asOf } = question;
  const times = parameters.of(shortestTimes, 'integer[]');
  const bins = parameters.of(binsOfTimes, 'integer[]');
  const now = factSums(
    'interaction_facts',
    question,
    { columns: [['count', '1']], condition: 'f.response_time_ms is not null' },
    { by: [['bin', `(${bins})[width_bucket(f.response_time_ms, ${times})]`]], type: 'bigint' },
  );
  if (asOf === undefined) return now;
  const { by, ...later } = laterBins(parameters, asOf);
  return `${now} union all ${factSums('interaction_facts', question, later, { by, type: 'bigint' })}`;
}

function membersSql(question: FactQuestion): string {
  const rows = factRows('interaction_facts', question, {
    columns: [['ordinal', 'f.member_ordinal']],
    condition: 'f.member_ordinal is not null',
  });
  return `select distinct ${placeColumns(question, 'ordinal')} from (${rows}) as f`;
}

/** Of a bot they count once it is known that it is its conversion. */
function payersSql(question: FactQuestion, currencyCode: string): string {
  const { scope, dimensions, asOf, parameters } = question;
  const since = scope.botId !== '' || dimensions.includes('bot') ? 'f.bot_paid_on' : 'f.paid_on';
  const rows = factRows('conversion_facts', question, {
    columns: [['ordinal', 'f.member_ordinal']],
    condition: `f.currency_code = ${parameters.of(currencyCode, 'text')} and ${
      asOf === undefined ? `${since} is not null` : `${since} <= ${parameters.of(asOf, 'integer')}`
    }`,
  });
  return `select distinct ${placeColumns(question, 'ordinal')} from (${rows}) as f`;
}

/** Each cell's ordinals as four bytes each: as text they would be longer to read than to find. */
function gathered(rows: string, question: FactQuestion): string {
  const place = placeColumns(question);
  return `
    select ${place}, string_agg(int4send(ordinal), ''::bytea order by ordinal) as ordinals
      from (${rows}) as f group by ${place}`;
}

function toOrdinals(bytes: Buffer): Uint32Array {
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32BE(index * 4));
}

function toRevenue(row: Readonly<Record<string, unknown>>): RevenueSums {
  const entries = revenueCounters.map(
    (counter) => [counter, BigInt(String(row[revenueColumn(counter)] ?? 0))] as const,
  );
  return Object.fromEntries(entries) as Record<RevenueCounter, bigint>;
}
