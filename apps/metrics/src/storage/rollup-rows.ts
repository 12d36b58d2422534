/**
 * Rows of several windows, for statements whose parameters are partition, tenant, generation, bot, the last day of
 * knowledge (in days since 1970), then `cutParameters`. Each has its window's `position` and the `value` by which they are
 * told apart: the bot's, or empty text.
 *
 * OFFSET 0: each part by the whole key, also while the planner knows nothing of the tables. The statements bear names, so
 * that their plans are kept, since to plan one takes longer than to run it. That is safe where the transaction is `byIndex`:
 * there is no other way to go. Arrays stand in a SELECT, where the planner does not see how few items they have: it would
 * take plans for them alone for cheaper, and plan every time.
 */
export interface RowsOptions {
  /** Whether bots are told apart; else the one that is asked for, or all together. */
  readonly isByBot: boolean;
}

/** What is asked of a table of buckets. */
export interface BucketTable {
  readonly table: string;
  /** Of `r`. */
  readonly columns: string;
  /** A further condition on `r`. */
  readonly condition?: string;
}

/** The buckets. Leans on the table's primary key. */
export function bucketRows({ table, columns, condition }: BucketTable, { isByBot }: RowsOptions): string {
  return `
    select part.position, r.*
      from unnest((select $6::integer[]), (select $7::smallint[]), (select $8::timestamptz[]),
                  (select $9::timestamptz[])) as part (position, level, starts_at, ends_at)
     cross join lateral (
       select ${valueOf('r', isByBot)} as value, ${columns} from ${table} r
        where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
          and r.cube = ${cubeOf(isByBot)} and r.level = part.level
          and r.bucket_start >= part.starts_at and r.bucket_start < part.ends_at
          and ${isByBot ? "($4::text = '' or r.bot_id = $4)" : 'r.bot_id = $4'}
          and r.known_on <= date '1970-01-01' + $5::integer
          ${condition === undefined ? '' : `and ${condition}`}
       offset 0
     ) as r`;
}

/** What is asked of a table of facts. */
export interface FactTable {
  readonly table: string;
  /** Of `f`. */
  readonly columns: string;
  /** A further condition on `f`. */
  readonly condition?: string;
  /** When it counts. */
  readonly time?: 'occurred_at' | 'started_at';
}

/** The facts of what is left inside buckets. Leans on the table's index by time. */
export function leftRows(
  { table, columns, condition, time = 'occurred_at' }: FactTable,
  { isByBot }: RowsOptions,
): string {
  return `
    select stretch.position, f.*
      from unnest((select $10::integer[]), (select $11::timestamptz[]), (select $12::timestamptz[]))
             as stretch (position, starts_at, ends_at)
     cross join lateral (
       select ${valueOf('f', isByBot)} as value, ${columns} from ${table} f
        where f.partition = $1 and f.tenant_id = $2 and f.generation = $3
          and f.${time} >= stretch.starts_at and f.${time} < stretch.ends_at
          and f.bot_id <> '' and ($4::text = '' or f.bot_id = $4)
          ${condition === undefined ? '' : `and ${condition}`}
       offset 0
     ) as f`;
}

/** The statement for one bot or all together, and that which tells bots apart. */
export interface ByBot<Statement> {
  readonly together: Statement;
  readonly byBot: Statement;
}

/** Both statements of a question; their names differ. */
export function bothStatements(
  name: string,
  text: (options: RowsOptions) => string,
): ByBot<{ readonly name: string; readonly text: string }> {
  return {
    together: { name, text: text({ isByBot: false }) },
    byBot: { name: `${name}-by-bot`, text: text({ isByBot: true }) },
  };
}

function valueOf(row: string, isByBot: boolean): string {
  return isByBot ? `${row}.bot_id` : "''::text";
}

function cubeOf(isByBot: boolean): string {
  return isByBot ? '1' : "($4::text <> '')::int::smallint";
}
