import type { Database, Transaction } from '@parley/database';

/** Whose erasure, and which part of it. */
export interface ErasurePart {
  readonly partition: number;
  readonly tenantId: string;
  readonly receiptId: string;
  readonly part: number;
  /** When it was asked for. */
  readonly receivedAt: Date;
}

/**
 * Notes how many rows a part of an erasure took away, by table. Of generations that carry it out one after the other, the
 * one that held most says it: one that is computed anew finds less.
 */
export async function noteErased(
  tx: Transaction,
  { partition, tenantId, receiptId, part, receivedAt }: ErasurePart,
  counts: ReadonlyMap<string, number>,
): Promise<void> {
  const found = [...counts].filter(([, count]) => count > 0);
  if (found.length === 0) return;
  await tx.query(
    `insert into erased_counts as c (partition, tenant_id, receipt_id, part, place, row_count, erased_on)
     select $1, $2, $3, $4, e.*, $7 from unnest($5::text[], $6::bigint[]) as e
     on conflict (partition, tenant_id, receipt_id, part, place)
     do update set row_count = greatest(c.row_count, excluded.row_count)`,
    [
      partition,
      tenantId,
      receiptId,
      part,
      found.map(([place]) => place),
      found.map(([, count]) => count),
      receivedAt.toISOString().slice(0, 10),
    ],
  );
}

/** How many rows an erasure took away, by table. */
export async function readErased(
  db: Database,
  { partition, tenantId, receiptId }: Pick<ErasurePart, 'partition' | 'tenantId' | 'receiptId'>,
): Promise<readonly { readonly place: string; readonly rowCount: bigint }[]> {
  const { rows } = await db.query<{ place: string; rowCount: bigint }>(
    `select place, sum(row_count)::bigint as "rowCount" from erased_counts
      where partition = $1 and tenant_id = $2 and receipt_id = $3 group by place order by place`,
    [partition, tenantId, receiptId],
  );
  return rows;
}

/**
 * Whether an erasure that was asked for after the end of a UTC day took anything away. Leans on the primary key of
 * erased_counts.
 * @param day in days since 1970.
 */
export async function wasErasedSince(
  tx: Transaction,
  { partition, tenantId }: Pick<ErasurePart, 'partition' | 'tenantId'>,
  day: number,
): Promise<boolean> {
  const { rows } = await tx.query<{ was: boolean }>(
    `select exists (
       select from erased_counts c
        where c.partition = $1 and c.tenant_id = $2 and c.erased_on > date '1970-01-01' + $3::integer
     ) as was`,
    [partition, tenantId, day],
  );
  return rows[0]?.was ?? false;
}
