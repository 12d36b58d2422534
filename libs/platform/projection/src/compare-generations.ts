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
  /** The first days of tenants in which there are differences, of a table that says when its rows occurred. */
  readonly buckets: readonly BucketDifference[];
}

/** What both generations hold of one tenant's UTC day. */
export interface BucketDifference {
  readonly table: string;
  /** Empty in a table without tenants. */
  readonly tenantId: string;
  readonly start: Date;
  readonly actual: BucketDigest;
  readonly expected: BucketDigest;
}

export interface BucketDigest {
  readonly rowCount: number;
  /** Of the rows as a bag: equal where they are, in whatever order. */
  readonly hash: string;
}

/** What is compared; all unless told. A table that can't say whether a row is of it is left out. */
export interface VerificationRange {
  /** From this instant on, by the table's `time`. */
  readonly from?: Date | undefined;
  /** Before this instant. */
  readonly to?: Date | undefined;
  readonly tenantId?: string | undefined;
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
  { from, to, tenantId }: VerificationRange,
  limit: number,
): Promise<Comparison> {
  if ((from !== undefined || to !== undefined) && table.time === undefined) return nothingCompared;
  const { rows: columns } = await tx.query<{ name: string; isKey: boolean }>(
    `select quote_ident(a.attname) as name,
            coalesce(a.attnum = any(i.indkey::int2[]), false) as "isKey"
       from pg_attribute a
       left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
      where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'generation'
      order by a.attnum`,
    [table.name],
  );
  const hasTenant = columns.some(({ name }) => name === 'tenant_id');
  if (tenantId !== undefined && !hasTenant) return nothingCompared;
  const range = [
    ...(from === undefined ? [] : [`${table.time} >= '${from.toISOString()}'::timestamptz`]),
    ...(to === undefined ? [] : [`${table.time} < '${to.toISOString()}'::timestamptz`]),
    ...(tenantId === undefined ? [] : [`tenant_id = '${tenantId}'::uuid`]),
  ];
  const condition = [`(${table.where ?? 'true'})`, ...range].join(' and ');
  const keys = table.compare === undefined ? columns.filter(({ isKey }) => isKey) : [];
  const compared = table.compare ?? columns.map(({ name }) => name);
  const side = (generation: string) =>
    `select ${compared.map((expression, i) => `${expression} as ${columnName(expression, i)}`).join(', ')}
       from ${table.name} where partition = $1 and generation = ${generation} and ${condition}`;
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
  const ask = async <Row extends object>(asked: string): Promise<readonly Row[]> => {
    const statement = {
      text: asked,
      values: [partition, actual, expected, limit],
      query_timeout: statementMs + 5_000,
    };
    const { rows } = await tx.client.query<Row>(statement);
    return rows;
  };
  const [row] = await ask<{ row_count: string; difference_count: string; differences: string }>(text);
  if (row === undefined) throw new Error('A count had no row.');
  const differences: [string | null, string | null][] = JSON.parse(row.differences);
  const isDated = table.time !== undefined && Number(row.difference_count) > 0;
  const buckets = isDated
    ? await ask<BucketRow>(bucketsText(table, compared, { condition, time: table.time, hasTenant }))
    : [];
  return {
    buckets: buckets.map((bucket) => ({
      table: table.name,
      tenantId: bucket.tenant_id,
      start: new Date(bucket.start),
      actual: { rowCount: Number(bucket.actual_count), hash: bucket.actual_hash },
      expected: { rowCount: Number(bucket.expected_count), hash: bucket.expected_hash },
    })),
    rowCount: Number(row.row_count),
    differenceCount: Number(row.difference_count),
    differences: differences.map((pair) => ({
      table: table.name,
      actual: pair[0] ?? undefined,
      expected: pair[1] ?? undefined,
    })),
  };
}

const nothingCompared: Comparison = { rowCount: 0, differenceCount: 0, differences: [], buckets: [] };

interface BucketRow {
  readonly tenant_id: string;
  readonly start: string;
  readonly actual_count: string;
  readonly actual_hash: string;
  readonly expected_count: string;
  readonly expected_hash: string;
}

/** A bag's hash is that of the sum of its rows' hashes, so no order is needed. */
function bucketsText(
  table: ProjectionTable,
  compared: readonly string[],
  { condition, time, hasTenant }: { condition: string; time: string | undefined; hasTenant: boolean },
): string {
  const side = (generation: string) => `
    select ${hasTenant ? 'tenant_id::text' : "''"} as tenant_id,
           date_trunc('day', ${time}, 'UTC') as start, count(*) as count,
           md5(count(*) || ' ' || sum(hashtextextended((row(${compared.join(', ')}))::text, 0)::numeric)) as hash
      from ${table.name} where partition = $1 and generation = ${generation} and ${condition} group by 1, 2`;
  return `
    select coalesce(a.tenant_id, e.tenant_id) as tenant_id,
           to_char(coalesce(a.start, e.start) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as start,
           coalesce(a.count, 0)::text as actual_count, coalesce(a.hash, '') as actual_hash,
           coalesce(e.count, 0)::text as expected_count, coalesce(e.hash, '') as expected_hash
      from (${side('$2')}) a
      full join (${side('$3')}) e on a.tenant_id = e.tenant_id and a.start = e.start
     where a.hash is distinct from e.hash
     order by 2, 1 limit greatest($4::int, 20)`;
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
