import type { Database } from '@parley/database';
import type { TenantPlace } from '../privacy.sql.ts';

/** How far an erasure is. */
export type ErasureStage =
  'naming' | 'referring' | 'refunding' | 'announcing' | 'announced' | 'emptied' | 'complete';

/** An erasure that is under way. */
export interface OpenErasure extends TenantPlace {
  readonly receiptId: string;
  readonly memberHash: Uint8Array;
  readonly memberIds: readonly string[];
  readonly stage: ErasureStage;
  readonly throughOffset: bigint;
  /** Of its last event; undefined before there is one. */
  readonly logOffset: bigint | undefined;
  /** How long ago its events were written; undefined before. */
  readonly announcedForMs: number | undefined;
}

/** Without renewal another process takes over. Times are the database's. */
const holdSeconds = 30;

/** Takes those that are under way and nobody works on, or keeps them; the oldest first. */
export async function holdErasures(
  worker: Database,
  holder: string,
  limit: number,
): Promise<readonly OpenErasure[]> {
  const { rows } = await worker.query<{
    partition: number;
    tenant_id: string;
    receipt_id: string;
    member_hash: Buffer;
    member_ids: readonly string[];
    stage: ErasureStage;
    through_offset: bigint;
    log_offset: bigint | null;
    announced_for_ms: number | null;
  }>(
    `with free as (
       select partition, tenant_id, receipt_id from erasures
        where completed_at is null and (holder is null or holder = $1 or held_until < clock_timestamp())
        order by requested_at limit $2
          for update skip locked
     )
     update erasures e set holder = $1, held_until = clock_timestamp() + make_interval(secs => ${holdSeconds})
       from free
      where e.partition = free.partition and e.tenant_id = free.tenant_id and e.receipt_id = free.receipt_id
     returning e.partition, e.tenant_id, e.receipt_id, e.member_hash, e.member_ids, e.stage, e.through_offset,
               e.log_offset, (extract(epoch from clock_timestamp() - e.announced_at) * 1000)::float8 as announced_for_ms`,
    [holder, limit],
  );
  return rows.map((row) => ({
    partition: row.partition,
    tenantId: row.tenant_id,
    receiptId: row.receipt_id,
    memberHash: row.member_hash,
    memberIds: row.member_ids,
    stage: row.stage,
    throughOffset: row.through_offset,
    logOffset: row.log_offset ?? undefined,
    announcedForMs: row.announced_for_ms ?? undefined,
  }));
}

/** Gives back what this process holds, so that others need not wait. */
export async function releaseErasures(worker: Database, holder: string): Promise<void> {
  await worker.query('update erasures set holder = null, held_until = null where holder = $1', [holder]);
}

/** Moves an erasure on; nothing happens when it has been moved already. */
export async function moveErasure(
  db: Pick<Database, 'query'>,
  { partition, tenantId, receiptId, stage }: OpenErasure,
  to: {
    readonly stage: ErasureStage;
    readonly throughOffset?: bigint;
    readonly logOffset?: bigint;
  },
): Promise<void> {
  await db.query(
    `update erasures
        set stage = $5, through_offset = coalesce($6, through_offset), log_offset = coalesce($7, log_offset),
            announced_at = case when $5 = 'announced' then clock_timestamp() else announced_at end
      where partition = $1 and tenant_id = $2 and receipt_id = $3 and stage = $4`,
    [partition, tenantId, receiptId, stage, to.stage, to.throughOffset, to.logOffset],
  );
}
