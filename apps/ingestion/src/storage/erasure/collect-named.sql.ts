import type { Database } from '@parley/database';
import { eventKinds } from '@parley/event';
import type { TenantPlace } from '../privacy.sql.ts';
import { exhaust, intoTargets, isNoTarget, rowsAtOnce } from './erasure-statements.ts';
import type { OpenErasure } from './open-erasures.sql.ts';

/** The generation of the read model that answers, where it is of this code or newer and holds all up to an offset. */
export async function findModel(
  worker: Database,
  projection: { readonly name: string; readonly version: number },
  { partition, throughOffset }: OpenErasure,
): Promise<number | undefined> {
  const { rows } = await worker.query<{ generation: number }>(
    `select g.generation
       from projection_generations g
       join projection_checkpoints c using (projection, generation)
      where g.projection = $1 and g.version >= $2 and g.state = 'active' and c.partition = $3 and c.position >= $4`,
    [projection.name, projection.version, partition, throughOffset],
  );
  return rows[0]?.generation;
}

/** Adds to an erasure every event that names its member, and the users that nobody else is. */
export async function collectNamed(
  worker: Database,
  { partition, tenantId, receiptId, memberIds }: OpenErasure,
  generation: number,
): Promise<void> {
  const own = [partition, tenantId, receiptId, generation, memberIds];
  // By index interaction_rows_by_member_id.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, ${eventKinds.interaction}, i.event_key
       from interaction_rows i
      where i.tenant_id = $2 and i.member_id collate "C" = any($5::text[]) and i.log_offset > 0
        and i.partition = $1 and i.generation = $4 and ${isNoTarget(String(eventKinds.interaction), 'i.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_member_id.
  await exhaust(
    worker,
    `${intoTargets}
     select distinct $1::int, $2::uuid, $3::uuid, r.kind, r.event_key
       from reference_rows r
      where r.tenant_id = $2 and r.member_id collate "C" = any($5::text[]) and r.log_offset > 0
        and r.partition = $1 and r.generation = $4 and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_user_id, for each of the member's users.
  await worker.query(
    `insert into erasure_users (partition, tenant_id, receipt_id, user_id)
     select distinct $1::int, $2::uuid, $3::uuid, r.user_id
       from reference_rows r
      where r.tenant_id = $2 and r.member_id collate "C" = any($5::text[]) and r.log_offset > 0
        and r.partition = $1 and r.generation = $4 and r.kind = ${eventKinds.member} and r.user_id is not null
        and not exists (
          select from reference_rows o
           where o.tenant_id = $2 and o.user_id collate "C" = r.user_id collate "C" and o.log_offset > 0
             and o.partition = $1 and o.generation = $4 and o.kind = ${eventKinds.member}
             and not o.member_id = any($5::text[]))
     on conflict do nothing`,
    own,
  );
}

/** Adds single events. */
export async function addTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  targets: readonly { readonly kind: number; readonly eventKey: string }[],
): Promise<void> {
  if (targets.length === 0) return;
  await worker.query(
    `${intoTargets} select $1, $2, $3, t.* from unnest($4::smallint[], $5::uuid[]) as t on conflict do nothing`,
    [
      partition,
      tenantId,
      receiptId,
      targets.map(({ kind }) => kind),
      targets.map(({ eventKey }) => eventKey),
    ],
  );
}

/** An event of the tenant that the read model could not take. */
export interface ParkedTarget {
  readonly kind: number;
  readonly eventKey: string;
  readonly body: Uint8Array;
}

/** Those of a partition that are parked, whichever generation could not take them; there should be none. */
export async function readParked(
  worker: Database,
  projection: string,
  { partition, tenantId }: TenantPlace,
): Promise<readonly ParkedTarget[]> {
  const { rows } = await worker.query<{ kind: number; event_key: string; body: Buffer }>(
    `select e.kind, e.event_key, e.body
       from (select distinct log_offset from projection_parked where projection = $1 and partition = $2) p
      cross join lateral (
        select kind, event_key, body from events e
         where e.partition = $2 and e.log_offset = p.log_offset and e.log_offset > 0 and e.tenant_id = $3
           and e.body is not null
         limit 1) e`,
    [projection, partition, tenantId],
  );
  return rows.map(({ kind, event_key: eventKey, body }) => ({ kind, eventKey, body }));
}
