import type { Database, Transaction } from '@parley/database';

/**
 * Has the planner look up one row after the other: while it has no statistics, of months, columns without any and what an
 * erasure has just written, it would take tables for empty and read them from end to end for each row.
 */
export async function seekByIndex(tx: Transaction): Promise<void> {
  await tx.query(
    `select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
            set_config('enable_seqscan', 'off', true)`,
  );
}

/** Rows written by one statement. */
export const rowsAtOnce = 20_000;

/** Runs a statement that writes at most `rowsAtOnce` rows that are not there yet, until there are none. */
export async function exhaust(worker: Database, text: string, parameters: readonly unknown[]): Promise<void> {
  for (;;) {
    const { rowCount } = await worker.transaction(async (tx) => {
      await seekByIndex(tx);
      return tx.query(text, parameters);
    });
    if (rowCount < rowsAtOnce) return;
  }
}

/** "offset 0" keeps it a look-up by the whole key for each row: a join would go through all that is there for each. */
export const isNoTarget = (kind: string, key: string) =>
  `not exists (select from erasure_targets t
                where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3
                  and t.kind = ${kind} and t.event_key = ${key}
               offset 0)`;
export const intoTargets = 'insert into erasure_targets (partition, tenant_id, receipt_id, kind, event_key)';
