import { copyIn, sqlStateOf } from '@parley/database';
import type { CopyValue, Transaction } from '@parley/database';
import { leadingColumns } from './fact-tables.ts';
import type { FactTable } from './fact-tables.ts';

/** Rows for one table, all of one partition and generation; each begins with `leadingColumns`. */
export interface NewFacts {
  readonly table: FactTable;
  readonly rows: readonly (readonly CopyValue[])[];
}

const UNIQUE_VIOLATION = '23505';

/**
 * Adds rows of facts by binary COPY. Of several with the same key the first stays: an id that the log has forgotten may
 * come again. That is rare, so keys are looked up only once one of them was there.
 */
export async function insertFacts(tx: Transaction, facts: readonly NewFacts[]): Promise<void> {
  if (facts.length === 0) return;
  await tx.query('savepoint before_facts');
  try {
    for (const { table, rows } of facts) await copyRows(tx, table, rows);
  } catch (error) {
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error;
    await tx.query('rollback to savepoint before_facts');
    for (const { table, rows } of facts) await copyRows(tx, table, await findUnknown(tx, table, rows));
  }
}

async function copyRows(
  tx: Transaction,
  { name, columns }: FactTable,
  rows: readonly (readonly CopyValue[])[],
): Promise<void> {
  if (rows.length === 0) return;
  await copyIn(tx.client, { table: name, columns: [...leadingColumns, ...columns] }, rows);
}

/** The first row of each key that the table does not hold. */
export async function findUnknown(
  tx: Transaction,
  { name }: FactTable,
  rows: readonly (readonly CopyValue[])[],
): Promise<readonly (readonly CopyValue[])[]> {
  const byKey = new Map<string, readonly CopyValue[]>();
  for (const row of rows) {
    const key = keyOf(row);
    if (!byKey.has(key)) byKey.set(key, row);
  }
  const [partition, generation] = rows[0] ?? [];
  // "limit 1" keeps it a look-up by primary key for each row, never a join over the whole table.
  const known = await tx.query<{ tenant_id: string; event_key: string }>(
    `select k.tenant_id, k.event_key
       from unnest($3::uuid[], $4::uuid[]) as k (tenant_id, event_key)
      cross join lateral (
        select from ${name} r
         where r.partition = $1 and r.generation = $2 and r.tenant_id = k.tenant_id and r.event_key = k.event_key
         limit 1
      ) found`,
    [
      partition,
      generation,
      [...byKey.values()].map((row) => row[2]),
      [...byKey.values()].map((row) => row[3]),
    ],
  );
  for (const { tenant_id, event_key } of known.rows) byKey.delete(`${tenant_id} ${event_key}`);
  return [...byKey.values()];
}

/** Tenant and event key. */
function keyOf(row: readonly CopyValue[]): string {
  return `${String(row[2])} ${String(row[3])}`;
}
