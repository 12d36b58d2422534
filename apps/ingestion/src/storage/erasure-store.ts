import type { Database, Transaction } from '@parley/database';
import { isUuid } from '@parley/event';
import type { TenantPlace } from './privacy.sql.ts';
import { changeRules } from './privacy-store.ts';

/** What an erasure touched in one table. */
export interface ErasurePlace {
  readonly service: string;
  readonly place: string;
  readonly rowCountBefore: bigint;
  readonly rowCountAfter: bigint;
}

/** What was done to erase a member; it does not name it. */
export interface ErasureReceipt {
  readonly receiptId: string;
  readonly requestedAt: Date;
  readonly completedAt: Date | undefined;
  readonly places: readonly ErasurePlace[];
  /** The services that have confirmed it for good. */
  readonly confirmed: readonly string[];
}

export interface ErasurePage {
  readonly after: { readonly requestedAt: Date; readonly receiptId: string } | undefined;
  readonly limit: number;
}

/** Receipts of a tenant's erasures. */
export interface ErasureStore {
  /**
   * Begins to erase a member: from when it resolves nothing of it is stored any more. Returns the receipt's id, which is
   * that of an erasure that was begun before and has not been lifted.
   */
  begin(place: TenantPlace, erasure: NewErasure): Promise<string>;
  find(place: TenantPlace, receiptId: string): Promise<ErasureReceipt | undefined>;
  /** The latest first, from after one. */
  list(place: TenantPlace, page: ErasurePage): Promise<readonly ErasureReceipt[]>;
}

export interface NewErasure {
  readonly receiptId: string;
  /** As privacy_subjects knows the member. */
  readonly memberHash: Uint8Array;
  readonly memberIds: readonly string[];
  readonly at: Date;
}

/**
 * @param app answers tenants.
 * @param append holds the heads' locks.
 */
export function createErasureStore({
  app,
  append,
}: {
  readonly app: Database;
  readonly append: Database;
}): ErasureStore {
  return {
    async begin(place, erasure) {
      const { partition, tenantId } = place;
      const known = await app.withTenant(tenantId, (tx) => findReceiptId(tx, place, erasure.memberHash));
      if (known !== undefined) return known;
      return changeRules(append, partition, async (tx, headOffset) => {
        // Another call may have been faster.
        const since = await findReceiptId(tx, place, erasure.memberHash);
        if (since !== undefined) return since;
        await tx.query(
          `insert into privacy_subjects (partition, tenant_id, scope, subject, is_allowed, changed_at)
           values ($1, $2, 'erased_member', $3, false, $4)`,
          [partition, tenantId, Buffer.from(erasure.memberHash), erasure.at],
        );
        await tx.query(
          `insert into erasures (partition, tenant_id, receipt_id, requested_at, member_hash, member_ids, stage,
                                 through_offset)
           values ($1, $2, $3, $4, $5, $6, 'naming', $7)`,
          [
            partition,
            tenantId,
            erasure.receiptId,
            erasure.at,
            Buffer.from(erasure.memberHash),
            erasure.memberIds,
            headOffset,
          ],
        );
        return erasure.receiptId;
      });
    },

    async find(place, receiptId) {
      if (!isUuid(receiptId)) return undefined;
      const [receipt] = await app.withTenant(place.tenantId, (tx) =>
        readReceipts(tx, place, 'e.receipt_id = $3', [receiptId]),
      );
      return receipt;
    },

    list: (place, { after, limit }) =>
      // By index erasures_by_time.
      app.withTenant(place.tenantId, (tx) =>
        readReceipts(
          tx,
          place,
          `($3::timestamptz is null or (e.requested_at, e.receipt_id) < ($3, $4::uuid))
            order by e.requested_at desc, e.receipt_id desc limit $5`,
          [after?.requestedAt, after?.receiptId, limit],
        ),
      ),
  };
}

async function findReceiptId(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  memberHash: Uint8Array,
): Promise<string | undefined> {
  const { rows } = await tx.query<{ receipt_id: string }>(
    `select receipt_id from erasures
      where partition = $1 and tenant_id = $2 and member_hash = $3 and lifted_at is null`,
    [partition, tenantId, Buffer.from(memberHash)],
  );
  return rows[0]?.receipt_id;
}

async function readReceipts(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  condition: string,
  parameters: readonly unknown[],
): Promise<readonly ErasureReceipt[]> {
  const { rows } = await tx.query<{
    receipt_id: string;
    requested_at: Date;
    completed_at: Date | null;
    places: readonly {
      readonly service: string;
      readonly place: string;
      readonly before: string;
      readonly after: string;
    }[];
    confirmed: readonly string[];
  }>(
    `select e.receipt_id, e.requested_at, e.completed_at,
            (select coalesce(json_agg(json_build_object('service', p.service, 'place', p.place,
                                                        'before', p.row_count_before::text,
                                                        'after', p.row_count_after::text)
                                      order by p.service, p.place), '[]')
               from erasure_places p
              where p.partition = e.partition and p.tenant_id = e.tenant_id and p.receipt_id = e.receipt_id) as places,
            array(select c.service from erasure_confirmations c
                   where c.partition = e.partition and c.tenant_id = e.tenant_id and c.receipt_id = e.receipt_id
                     and c.is_final) as confirmed
       from erasures e
      where e.partition = $1 and e.tenant_id = $2 and ${condition}`,
    [partition, tenantId, ...parameters],
  );
  return rows.map((row) => ({
    receiptId: row.receipt_id,
    requestedAt: row.requested_at,
    completedAt: row.completed_at ?? undefined,
    places: row.places.map(({ service, place, before, after }) => ({
      service,
      place,
      rowCountBefore: BigInt(before),
      rowCountAfter: BigInt(after),
    })),
    confirmed: row.confirmed,
  }));
}

/**
 * Lets a member be stored again whose erasure is complete; what was erased stays erased. Within a transaction that raises
 * the version.
 */
export async function liftErasure(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  memberHash: Uint8Array,
  at: Date,
): Promise<void> {
  await tx.query(
    `with lifted as (
       update erasures set lifted_at = $4
        where partition = $1 and tenant_id = $2 and member_hash = $3 and lifted_at is null and completed_at is not null
       returning receipt_id
     )
     delete from privacy_subjects s
      where s.partition = $1 and s.tenant_id = $2 and exists (select from lifted)
        and (s.scope = 'erased_member' and s.subject = $3 or s.scope = 'erased_user' and s.cause_subject = $3)`,
    [partition, tenantId, Buffer.from(memberHash), at],
  );
}
