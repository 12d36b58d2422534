import { encodeUuidArray } from '@parley/database';
import type { Database } from '@parley/database';
import { addTouched } from './erasure-places.sql.ts';
import { seekByIndex } from './erasure-statements.ts';
import { byKind } from './erasure-targets.sql.ts';
import type { OpenErasure } from './open-erasures.sql.ts';

/** Events emptied in one transaction. */
const eventsAtOnce = 500;

/** Takes bodies and fingerprints out of the log, some at a time. False when none is left. By the index of keys of each month. */
export async function emptyEvents(worker: Database, erasure: OpenErasure): Promise<boolean> {
  const { partition, tenantId, receiptId } = erasure;
  return worker.transaction(async (tx) => {
    await seekByIndex(tx);
    const own = [partition, tenantId, receiptId];
    const { rows } = await tx.query<{ kind: number; eventKey: string }>(
      `select kind, event_key as "eventKey" from erasure_targets
        where partition = $1 and tenant_id = $2 and receipt_id = $3 and not is_emptied limit ${eventsAtOnce}`,
      own,
    );
    if (rows.length === 0) return false;
    let count = 0;
    for (const [kind, keys] of byKind(rows)) {
      const encoded = encodeUuidArray(keys);
      const { rowCount } = await tx.query(
        `update events set body = null, fingerprint = null
          where partition = $1 and tenant_id = $2 and kind = $3 and event_key = any($4) and body is not null`,
        [partition, tenantId, kind, encoded],
      );
      count += rowCount;
      await tx.query(
        `update erasure_targets set is_emptied = true
          where partition = $1 and tenant_id = $2 and receipt_id = $3 and kind = $4 and event_key = any($5)`,
        [...own, kind, encoded],
      );
    }
    await addTouched(tx, erasure, 'events', count);
    return true;
  });
}

/** How many events of an erasure have a body. */
export async function countBodies(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<bigint> {
  return worker.transaction(async (tx) => {
    await seekByIndex(tx);
    const { rows } = await tx.query<{ n: bigint }>(
      `select count(*) as n from erasure_targets t
      cross join lateral (
        select from events e
         where e.partition = $1 and e.tenant_id = $2 and e.kind = t.kind and e.event_key = t.event_key
           and e.body is not null
         offset 0) e
      where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3`,
      [partition, tenantId, receiptId],
    );
    return rows[0]?.n ?? 0n;
  });
}
