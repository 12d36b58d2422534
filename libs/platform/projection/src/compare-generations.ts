import type { Transaction } from '@parley/database';
import type { ProjectionTable } from './projection.ts';

/** A row that stands in only one of two generations, or differs; as JSON, long values cut. */
export interface RowDifference {
  readonly table: string;
  /** As the running projection has it; undefined: it has none. */
  readonly actual: string | undefined;
  /** As computed from the log; undefined: there is none. */
  readonly expected: string | undefined;
}

export interface Comparison {
  /** Rows of the running projection. */
  readonly rowCount: number;
  readonly differenceCount: number;
  /** The first ones. */
  readonly differences: readonly RowDifference[];
}

/** A statement over a large table takes long, and nobody waits for its locks: it only reads. */
const statementMs = 30 * 60_000;

/**
 * Compares the rows of one partition in two generations of a table, as bags. Rows with the same primary key are one
 * difference; where a table says itself what is compared, every row that has no equal is one.
 * @param tx repeatable read, so that both are seen at the same moment.
 */
export async function compareGenerations(
  tx: Transaction,
  table: ProjectionTable,
  { partition, actual, expected }: { partition: number; actual: number; expected: number },
  limit: number,
): Promise<Comparison> {
  const { rows: columns } = await tx.query<{ name: string; isKey: boolean }>(
    `select quote_ident(a.attname) as name,
            coalesce(a.attnum = any(i.indkey::int2[]), false) as "isKey"
       from pg_attribute a
       left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
      where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'generation'
      order by a.attnum`,
    [table.name],
  );
  const keys = table.compare === undefined ? columns.filter(({ isKey }) => isKey) : [];
  const compared = table.compare ?? columns.map(({ name }) => name);
  const side = (generation: string) =>
    `select ${compared.map((expression, i) => `${expression} as ${columnName(expression, i)}`).join(', ')}
       from ${table.name} where partition = $1 and generation = ${generation} and (${table.where ?? 'true'})`;
  const unequal = (isActual: boolean, rows: string, others: string) => {
    const key =
      keys.length === 0 ? `${isActual}, row_number() over ()` : keys.map(({ name }) => `d.${name}`).join();
    return `select ${isActual} as is_actual, jsonb_build_array(${key}) as key, to_jsonb(d) as row
              from (table ${rows} except all table ${others}) d`;
  };
  const text = `
    with actual as (${side('$2')}),
         expected as (${side('$3')}),
         unequal as (
           ${unequal(true, 'actual', 'expected')} union all ${unequal(false, 'expected', 'actual')}),
         paired as (
           select key, max(row::text) filter (where is_actual) as actual, max(row::text) filter (where not is_actual) as expected
             from unequal group by key)
    select (select count(*) from actual)::text as row_count,
           (select count(*) from paired)::text as difference_count,
           (select coalesce(json_agg(json_build_array(${shortened('actual')}, ${shortened('expected')})), '[]')
              from (select * from paired order by key limit $4) first)::text as differences`;
  await tx.query(`set local statement_timeout = ${statementMs}`);
  // Straight from the driver, whose own time-out is as short as other statements need.
  const statement = {
    text,
    values: [partition, actual, expected, limit],
    query_timeout: statementMs + 5_000,
  };
  const { rows } = await tx.client.query<{
    row_count: string;
    difference_count: string;
    differences: string;
  }>(statement);
  const row = rows[0];
  if (row === undefined) throw new Error('A count had no row.');
  const differences: [string | null, string | null][] = JSON.parse(row.differences);
  return {
    rowCount: Number(row.row_count),
    differenceCount: Number(row.difference_count),
    differences: differences.map((pair) => ({
      table: table.name,
      actual: pair[0] ?? undefined,
      expected: pair[1] ?? undefined,
    })),
  };
}

/** An expression is its own name, cut to what a name may be. */
function columnName(expression: string, index: number): string {
  if (/^("[^"]+"|[a-z_][a-z0-9_]*)$/.test(expression)) return expression;
  return `"${index + 1}: ${expression.replaceAll('"', '').slice(0, 50)}"`;
}

const longestValue = 500;

/** A row with its long values cut, since a set of many members can be megabytes. */
function shortened(row: string): string {
  return `(select jsonb_object_agg(key, case when length(value::text) > ${longestValue}
            then to_jsonb(left(value::text, ${longestValue}) || '…') else value end)
            from jsonb_each(first.${row}::jsonb) as field (key, value))::text`;
}
