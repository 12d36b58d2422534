import type { Database, Transaction } from '@parley/database';
import { tablesOfKind } from '../erased-rows.sql.ts';
import { seekByIndex } from './erasure-statements.ts';
import type { OpenErasure } from './open-erasures.sql.ts';

/** The read model's tables, with how to count in one what is of an erasure; $4 generations: null for all. */
const countsByPlace: ReadonlyMap<string, string> = new Map([
  ...[...tablesOfKind].flatMap(([kind, tables]) =>
    tables.map(
      (table) =>
        [
          table,
          `select count(*) as n from erasure_targets t
            cross join lateral (
              select from ${table} r
               where r.partition = $1 and r.event_key = t.event_key and r.tenant_id = $2
                 and ($4::int is null or r.generation = $4)
               offset 0) r
            where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3 and t.kind = ${kind}`,
        ] as const,
    ),
  ),
  [
    'reference_rows',
    `select count(*) as n from erasure_targets t
      cross join lateral (
        select from reference_rows r
         where r.partition = $1 and r.event_key = t.event_key and r.tenant_id = $2 and r.kind = t.kind
           and ($4::int is null or r.generation = $4)
         offset 0) r
      where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3`,
  ],
  [
    'member_rows',
    `select count(*) as n from member_rows r join erasures e
         on e.partition = $1 and e.tenant_id = $2 and e.receipt_id = $3 and r.member_id = any(e.member_ids)
      where r.partition = $1 and r.tenant_id = $2 and ($4::int is null or r.generation = $4)`,
  ],
  [
    'user_rows',
    `select count(*) as n from user_rows r join erasure_users u
         on u.partition = $1 and u.tenant_id = $2 and u.receipt_id = $3 and r.user_id = u.user_id
      where r.partition = $1 and r.tenant_id = $2 and ($4::int is null or r.generation = $4)`,
  ],
]);

/** How many rows of an erasure each table of the read model holds. */
export async function countModelRows(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  generation: number | undefined,
): Promise<ReadonlyMap<string, bigint>> {
  return worker.transaction(async (tx) => {
    await seekByIndex(tx);
    const counts = new Map<string, bigint>();
    for (const [place, text] of countsByPlace) {
      const { rows } = await tx.query<{ n: bigint }>(text, [partition, tenantId, receiptId, generation]);
      counts.set(place, rows[0]?.n ?? 0n);
    }
    return counts;
  });
}

/** Notes how many rows places hold before they are touched; what was noted stays. */
export async function notePlaces(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  counts: ReadonlyMap<string, bigint>,
): Promise<void> {
  const found = [...counts].filter(([, count]) => count > 0n);
  await worker.query(
    `insert into erasure_places (partition, tenant_id, receipt_id, service, place, row_count_before, row_count_after)
     select $1, $2, $3, 'ingestion', p.place, p.n, p.n from unnest($4::text[], $5::bigint[]) as p (place, n)
     on conflict do nothing`,
    [partition, tenantId, receiptId, found.map(([place]) => place), found.map(([, count]) => count)],
  );
}

/** Adds to how many rows of a place were touched, and says that none is left. */
export async function addTouched(
  tx: Transaction,
  { partition, tenantId, receiptId }: OpenErasure,
  place: string,
  count: number,
): Promise<void> {
  if (count === 0) return;
  await tx.query(
    `insert into erasure_places as p
       (partition, tenant_id, receipt_id, service, place, row_count_before, row_count_after)
     values ($1, $2, $3, 'ingestion', $4, $5, 0)
     on conflict (partition, tenant_id, receipt_id, service, place)
     do update set row_count_before = p.row_count_before + excluded.row_count_before`,
    [partition, tenantId, receiptId, place, count],
  );
}
