import type { Transaction } from '@parley/database';
import type { TenantPlace } from './expired-content.sql.ts';
import type { DataClass } from './retention-store.ts';

/**
 * Until the transaction ends, no fold of the read model writes rows of the partition. Folds hold the same lock, shared:
 * so whatever a fold has read before something was removed, it sees that it was.
 */
export async function lockRemoval(tx: Transaction, partition: number): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1, $2)', [removalLocks, partition]);
}

/** How far what has expired was removed, by tenant. */
export interface Removed {
  /** The last offset up to which texts are gone. */
  readonly content: ReadonlyMap<string, bigint>;
  /** The last offset up to which everything is gone. */
  readonly raw: ReadonlyMap<string, bigint>;
}

/** What was removed at or beyond an offset. It stays as it is until the transaction of the fold ends. */
export async function readRemoved(tx: Transaction, partition: number, from: bigint): Promise<Removed> {
  await tx.query('select pg_advisory_xact_lock_shared($1, $2)', [removalLocks, partition]);
  // A statement of its own, which sees what was committed while the lock was waited for.
  const { rows } = await tx.query<{ tenant_id: string; data_class: DataClass; through_offset: bigint }>(
    `select tenant_id, data_class, through_offset from retention_rules
      where partition = $1 and through_offset >= $2`,
    [partition, from],
  );
  const of = (dataClass: DataClass): ReadonlyMap<string, bigint> =>
    new Map(
      rows.filter((row) => row.data_class === dataClass).map((row) => [row.tenant_id, row.through_offset]),
    );
  return { content: of('content'), raw: of('raw') };
}

/** Where the next part begins: the log up to here is free of what has expired of the tenant. */
export async function readProgress(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  dataClass: DataClass,
): Promise<bigint> {
  const { rows } = await tx.query<{ through: bigint }>(
    `select greatest(h.low_water_offset, r.through_offset) as through
       from partition_heads h
       left join retention_rules r on r.partition = h.partition and r.tenant_id = $2 and r.data_class = $3
      where h.partition = $1`,
    [partition, tenantId, dataClass],
  );
  return rows[0]?.through ?? 0n;
}

/** Moves it, in the transaction that removes. */
export async function saveProgress(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  dataClass: DataClass,
  through: bigint,
): Promise<void> {
  await tx.query(
    `update retention_rules set through_offset = $4
      where partition = $1 and tenant_id = $2 and data_class = $3`,
    [partition, tenantId, dataClass, through],
  );
}

/** The first half of the locks' keys: 'rtn' in ASCII. */
const removalLocks = 0x72_74_6e;
