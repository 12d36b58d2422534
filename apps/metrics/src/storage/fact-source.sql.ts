import type { CutWindow } from './cut-parameters.ts';
import { dimensionColumns, factCondition, timeOf } from './fact-condition.ts';
import type { FactTableName } from './fact-condition.ts';
import type { SourceOptions } from './figure-source.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { createStatementParameters } from './statement-parameters.ts';
import type { StatementParameters } from './statement-parameters.ts';

/** What a statement about facts is asked. */
export interface FactQuestion extends SourceOptions {
  readonly scope: ReadScope;
  readonly windows: readonly Pick<CutWindow, 'start' | 'end'>[];
  readonly parameters: StatementParameters;
}

export function createFactQuestion(
  scope: ReadScope,
  { dimensions, asOf }: SourceOptions,
  windows: FactQuestion['windows'],
): FactQuestion {
  return { scope, dimensions, asOf, windows, parameters: createStatementParameters() };
}

/** What is wanted of the facts f of a table. */
export interface FactColumns {
  readonly columns: readonly (readonly [name: string, expression: string])[];
  /** A lateral join behind f. */
  readonly join?: string;
  /** A further condition. */
  readonly condition?: string;
}

/**
 * The facts of several windows: `position`, the dimensions' values `v0`, `v1` …, and columns. By the time of the windows one
 * after the other; leans on the …_by_time indexes of facts, or, of a group that is named, on those …_by_group. OFFSET 0:
 * by these, also while the planner knows nothing of the tables.
 */
export function factRows(table: FactTableName, question: FactQuestion, wanted: FactColumns): string {
  return ofWindows(table, question, wanted, '');
}

/**
 * Their columns added up by window, values and further columns: as whole numbers, or as text where they may be too large.
 * Inside each window, so that no fact is handed on by itself.
 */
export function factSums(
  table: FactTableName,
  question: FactQuestion,
  { columns, ...wanted }: FactColumns,
  { by = [], type }: { readonly by?: FactColumns['columns']; readonly type: 'bigint' | 'text' },
): string {
  const sums = columns.map(([name, expression]) => [name, `sum(${expression})::${type}`] as const);
  const places = [...question.dimensions, ...by].map((_, index) => index + 1);
  const suffix = places.length === 0 ? '' : `group by ${places.join(', ')}`;
  return ofWindows(table, question, { ...wanted, columns: [...by, ...sums] }, suffix);
}

function ofWindows(
  table: FactTableName,
  { scope, dimensions, asOf, windows, parameters }: FactQuestion,
  { columns, join = '', condition }: FactColumns,
  suffix: string,
): string {
  const told = dimensionColumns(table, dimensions, parameters, asOf);
  const list = [
    ...told.columns.map((column, index) => `${column} as v${index}`),
    ...columns.map(([name, expression]) => `${expression} as ${name}`),
  ];
  const stretches = [
    parameters.of(
      windows.map((_, position) => position),
      'integer[]',
    ),
    parameters.of(
      windows.map(({ start }) => start),
      'timestamptz[]',
    ),
    parameters.of(
      windows.map(({ end }) => end),
      'timestamptz[]',
    ),
  ];
  const at = timeOf(table);
  return `
    select stretch.position, f.* from unnest(${stretches.join(', ')}) as stretch (position, starts_at, ends_at)
     cross join lateral (
       select ${list.join(',\n              ')}
         from ${table} f${told.join}${join}
        where ${factCondition(scope, table, parameters, asOf)}
          and ${at} >= stretch.starts_at and ${at} < stretch.ends_at
          ${condition === undefined ? '' : `and ${condition}`}
        ${suffix}
       offset 0
     ) as f`;
}

/** By what such rows are told apart. */
export function placeColumns({ dimensions }: SourceOptions, ...further: readonly string[]): string {
  return ['position', ...dimensions.map((_, index) => `v${index}`), ...further].join(', ');
}

/** Several such sums as one: what a part has no column for is null. */
export function together(
  parts: readonly { readonly rows: string; readonly columns: readonly string[] }[],
  {
    by,
    columns,
  }: { readonly by: string; readonly columns: readonly (readonly [name: string, type: string])[] },
): string {
  return parts
    .map(({ rows, columns: own }) => {
      const list = columns.map(([name, type]) => (own.includes(name) ? name : `null::${type} as ${name}`));
      return `
    select ${[by, ...list].join(', ')} from (${rows}) as part`;
    })
    .join('\n    union all');
}
