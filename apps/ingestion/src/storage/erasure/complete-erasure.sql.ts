import type { Database } from '@parley/database';
import { eventKinds } from '@parley/event';
import type { OpenErasure } from './open-erasures.sql.ts';

/**
 * Ends an erasure: its events in the log keep nothing but `blank`, and whom it was about is forgotten.
 * @param after what is left in the read model and the log, by place.
 */
export async function completeErasure(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  {
    blank,
    eventKeys,
    after,
    at,
  }: {
    readonly blank: Uint8Array;
    readonly eventKeys: readonly string[];
    readonly after: ReadonlyMap<string, bigint>;
    readonly at: Date;
  },
): Promise<void> {
  const own = [partition, tenantId, receiptId];
  await worker.transaction(async (tx) => {
    await tx.query(
      `update events set body = $5, fingerprint = null
        where partition = $1 and tenant_id = $2 and kind = $3 and event_key = any($4::uuid[])`,
      [partition, tenantId, eventKinds.erasure, eventKeys, Buffer.from(blank)],
    );
    await tx.query(
      `update erasure_places p set row_count_after = coalesce(a.n, 0)
         from (select place, n from unnest($4::text[], $5::bigint[]) as a (place, n)) a
        where p.partition = $1 and p.tenant_id = $2 and p.receipt_id = $3 and p.service = 'ingestion'
          and p.place = a.place`,
      [...own, [...after.keys()], [...after.values()]],
    );
    for (const table of ['erasure_targets', 'erasure_users']) {
      await tx.query(`delete from ${table} where partition = $1 and tenant_id = $2 and receipt_id = $3`, own);
    }
    await tx.query(
      `update erasures set stage = 'complete', completed_at = $4, member_ids = null, holder = null, held_until = null
        where partition = $1 and tenant_id = $2 and receipt_id = $3`,
      [...own, at],
    );
  });
}
