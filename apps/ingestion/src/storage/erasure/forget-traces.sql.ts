import type { Database } from '@parley/database';
import { addTouched } from './erasure-places.sql.ts';
import type { OpenErasure } from './open-erasures.sql.ts';

/** Bodies may be a megabyte each. */
const quarantinedAtOnce = 16;

/** Deletes those events in quarantine that `isErased` names. Goes through all of the tenant's. */
export async function deleteQuarantined(
  worker: Database,
  erasure: OpenErasure,
  isErased: (bodies: readonly Uint8Array[]) => Promise<readonly boolean[]>,
): Promise<void> {
  const { partition, tenantId } = erasure;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await worker.query<{ quarantine_id: string; body: Buffer }>(
      `select quarantine_id, body from quarantined_events
        where partition = $1 and tenant_id = $2 and quarantine_id > $3
        order by quarantine_id limit ${quarantinedAtOnce}`,
      [partition, tenantId, after],
    );
    const erased = await isErased(rows.map(({ body }) => body));
    const ids = rows.filter((_, index) => erased[index]).map((row) => row.quarantine_id);
    if (ids.length > 0) {
      await worker.transaction(async (tx) => {
        const { rowCount } = await tx.query(
          `delete from quarantined_events
            where partition = $1 and tenant_id = $2 and quarantine_id = any($3::uuid[])`,
          [partition, tenantId, ids],
        );
        await addTouched(tx, erasure, 'quarantined_events', rowCount);
      });
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.quarantine_id;
  }
}

const readsAtOnce = 1_000;

/**
 * Takes out of the audit of reads what was asked for, where that names a member or one of its interactions; that somebody
 * read stays. Goes through all of the tenant's.
 * @param isInteraction which of these ids of interactions are the member's.
 */
export async function anonymizeTextReads(
  worker: Database,
  erasure: OpenErasure,
  isInteraction: (ids: readonly string[]) => Promise<readonly boolean[]>,
): Promise<void> {
  const { partition, tenantId, memberIds } = erasure;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await worker.query<{ read_id: string; names: boolean; interaction_id: string | null }>(
      `select read_id, request ->> 'interaction_id' as interaction_id,
              exists (select from jsonb_each_text(request) v where v.value = any($4::text[])) as names
         from text_reads
        where partition = $1 and tenant_id = $2 and read_id > $3
        order by read_id limit ${readsAtOnce}`,
      [partition, tenantId, after, memberIds],
    );
    const ids = rows.flatMap(({ interaction_id: id }) => (id === null ? [] : [id]));
    const own = await isInteraction(ids);
    const ownIds = new Set(ids.filter((_, index) => own[index]));
    const erased = rows.filter(({ names, interaction_id: id }) => names || (id !== null && ownIds.has(id)));
    if (erased.length > 0) {
      await worker.transaction(async (tx) => {
        const { rowCount } = await tx.query(
          `update text_reads set request = '{"erased": "true"}'
            where partition = $1 and tenant_id = $2 and read_id = any($3::uuid[])`,
          [partition, tenantId, erased.map(({ read_id }) => read_id)],
        );
        await addTouched(tx, erasure, 'text_reads', rowCount);
      });
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.read_id;
  }
}

/** Errors of parked events quote what they failed on. */
export async function forgetParkedErrors(
  worker: Database,
  projection: string,
  erasure: OpenErasure,
): Promise<void> {
  const { partition, tenantId, receiptId } = erasure;
  await worker.query(
    `update projection_parked p set error = 'The event was erased.'
       from events e
       join erasure_targets t
         on t.partition = $2 and t.tenant_id = $3 and t.receipt_id = $4 and t.kind = e.kind and t.event_key = e.event_key
      where p.projection = $1 and p.partition = $2
        and e.partition = $2 and e.log_offset = p.log_offset and e.log_offset > 0 and e.tenant_id = $3`,
    [projection, partition, tenantId, receiptId],
  );
}
