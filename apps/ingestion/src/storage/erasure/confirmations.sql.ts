import type { Database } from '@parley/database';
import type { OpenErasure } from './open-erasures.sql.ts';

/** Which services have confirmed an erasure, and whether for good. */
export async function readConfirmations(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<ReadonlyMap<string, boolean>> {
  const { rows } = await worker.query<{ service: string; is_final: boolean }>(
    `select service, is_final from erasure_confirmations
      where partition = $1 and tenant_id = $2 and receipt_id = $3`,
    [partition, tenantId, receiptId],
  );
  return new Map(rows.map((row) => [row.service, row.is_final]));
}

/** What an erasure of a service is to be confirmed by. */
export interface Confirmation {
  readonly receiptId: string;
  readonly service: string;
  readonly places: readonly {
    readonly place: string;
    readonly rowCountBefore: bigint;
    readonly rowCountAfter: bigint;
  }[];
  readonly isFinal: boolean;
}

/** Writes a confirmation down in place of an earlier one; false when there is no such receipt. */
export async function writeConfirmation(
  worker: Database,
  { receiptId, service, places, isFinal }: Confirmation,
): Promise<boolean> {
  return worker.transaction(async (tx) => {
    const { rows } = await tx.query<{ partition: number; tenant_id: string }>(
      'select partition, tenant_id from erasures where receipt_id = $1',
      [receiptId],
    );
    const [erasure] = rows;
    if (erasure === undefined) return false;
    const own = [erasure.partition, erasure.tenant_id, receiptId, service];
    await tx.query(
      'delete from erasure_places where partition = $1 and tenant_id = $2 and receipt_id = $3 and service = $4',
      own,
    );
    await tx.query(
      `insert into erasure_places (partition, tenant_id, receipt_id, service, place, row_count_before, row_count_after)
       select $1, $2, $3, $4, p.* from unnest($5::text[], $6::bigint[], $7::bigint[]) as p`,
      [
        ...own,
        places.map(({ place }) => place),
        places.map(({ rowCountBefore }) => rowCountBefore),
        places.map(({ rowCountAfter }) => rowCountAfter),
      ],
    );
    await tx.query(
      `insert into erasure_confirmations as c (partition, tenant_id, receipt_id, service, is_final)
       values ($1, $2, $3, $4, $5)
       on conflict (partition, tenant_id, receipt_id, service) do update set is_final = c.is_final or excluded.is_final`,
      [...own, isFinal],
    );
    return true;
  });
}

/** The erasures that a service has still to confirm, the oldest first. */
export async function listUnconfirmed(
  worker: Database,
  service: string,
  limit: number,
): Promise<
  readonly {
    readonly receiptId: string;
    readonly tenantId: string;
    readonly partition: number;
    readonly logOffset: bigint;
    readonly memberIds: readonly string[];
    readonly isLogEmptied: boolean;
  }[]
> {
  const { rows } = await worker.query<{
    receiptId: string;
    tenantId: string;
    partition: number;
    logOffset: bigint;
    memberIds: readonly string[];
    isLogEmptied: boolean;
  }>(
    `select e.receipt_id as "receiptId", e.tenant_id as "tenantId", e.partition, e.log_offset as "logOffset",
            e.member_ids as "memberIds", e.stage = 'emptied' as "isLogEmptied"
       from erasures e
       left join erasure_confirmations c
         on c.partition = e.partition and c.tenant_id = e.tenant_id and c.receipt_id = e.receipt_id and c.service = $1
      where e.completed_at is null and e.stage in ('announced', 'emptied')
        and (c.service is null or (e.stage = 'emptied' and not c.is_final))
      order by e.requested_at limit $2`,
    [service, limit],
  );
  return rows;
}
