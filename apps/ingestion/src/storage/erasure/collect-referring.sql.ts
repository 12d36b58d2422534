import type { Database } from '@parley/database';
import { eventKinds } from '@parley/event';
import { exhaust, intoTargets, isNoTarget, rowsAtOnce } from './erasure-statements.ts';
import type { OpenErasure } from './open-erasures.sql.ts';

/** Adds what refers to the interactions of an erasure, and the records of its users. */
export async function collectReferring(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  generation: number,
): Promise<void> {
  const own = [partition, tenantId, receiptId, generation];
  const interactions = `
       from erasure_targets i
      cross join lateral (`;
  const isOwn = `
      where i.partition = $1 and i.tenant_id = $2 and i.receipt_id = $3 and i.kind = ${eventKinds.interaction}`;
  // By primary key.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, ${eventKinds.completion}, i.event_key ${interactions}
        select from completion_rows c
         where c.partition = $1 and c.event_key = i.event_key and c.tenant_id = $2 and c.generation = $4
         limit 1) c
      ${isOwn} and ${isNoTarget(String(eventKinds.completion), 'i.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_subject.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, r.kind, r.event_key ${interactions}
        select r.kind, r.event_key from reference_rows r
         where r.tenant_id = $2 and r.subject_key = i.event_key and r.log_offset > 0
           and r.partition = $1 and r.generation = $4 and r.kind <> ${eventKinds.refund}
         offset 0) r
      ${isOwn} and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_user_id.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, r.kind, r.event_key
       from erasure_users u
      cross join lateral (
        select r.kind, r.event_key from reference_rows r
         where r.tenant_id = $2 and r.user_id collate "C" = u.user_id and r.log_offset > 0
           and r.partition = $1 and r.generation = $4 and r.kind = ${eventKinds.user}
         offset 0) r
      where u.partition = $1 and u.tenant_id = $2 and u.receipt_id = $3 and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
}

/** Adds the refunds of its conversions. By index reference_rows_by_subject. */
export async function collectRefunds(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  generation: number,
): Promise<void> {
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, r.kind, r.event_key
       from erasure_targets v
      cross join lateral (
        select r.kind, r.event_key from reference_rows r
         where r.tenant_id = $2 and r.subject_key = v.event_key and r.log_offset > 0
           and r.partition = $1 and r.generation = $4 and r.kind = ${eventKinds.refund}
         offset 0) r
      where v.partition = $1 and v.tenant_id = $2 and v.receipt_id = $3 and v.kind = ${eventKinds.conversion}
        and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    [partition, tenantId, receiptId, generation],
  );
}
