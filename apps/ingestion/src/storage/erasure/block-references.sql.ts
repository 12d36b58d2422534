import type { Database } from '@parley/database';
import { eventKinds } from '@parley/event';
import { exhaust, rowsAtOnce } from './erasure-statements.ts';
import type { OpenErasure } from './open-erasures.sql.ts';

/**
 * Has what would refer to the interactions and conversions of an erasure refused, and what is about its users. It holds
 * once the version has been raised.
 */
export async function blockReferences(
  worker: Database,
  { partition, tenantId, receiptId, memberHash }: OpenErasure,
  users: readonly Uint8Array[],
): Promise<void> {
  const columns = 'partition, tenant_id, scope, subject, is_allowed, changed_at, cause_scope, cause_subject';
  for (const [scope, kind] of [
    ['interaction', eventKinds.interaction],
    ['conversion', eventKinds.conversion],
  ] as const) {
    await exhaust(
      worker,
      `insert into privacy_subjects (${columns})
       select $1, $2, $5, uuid_send(t.event_key), false, now(), 'erased_member', $4
         from erasure_targets t
        where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3 and t.kind = ${kind}
          and not exists (select from privacy_subjects s
                           where s.partition = $1 and s.tenant_id = $2 and s.scope = $5
                             and s.subject = uuid_send(t.event_key)
                          offset 0)
        limit ${rowsAtOnce}
       on conflict do nothing`,
      [partition, tenantId, receiptId, Buffer.from(memberHash), scope],
    );
  }
  await worker.query(
    `insert into privacy_subjects (${columns})
     select $1, $2, 'erased_user', u.subject, false, now(), 'erased_member', $3 from unnest($4::bytea[]) as u (subject)
     on conflict do nothing`,
    [partition, tenantId, Buffer.from(memberHash), users.map((subject) => Buffer.from(subject))],
  );
}
