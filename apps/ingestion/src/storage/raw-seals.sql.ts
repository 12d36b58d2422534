import type { Database, Transaction } from '@parley/database';
import type { RawSeal } from '@parley/event';
import type { TenantPlace } from './expired-content.sql.ts';
import { changeRules } from './privacy-store.ts';

const dayMs = 24 * 3_600_000;

/** What was received before this expires where what occurred before `tooOldBefore` comes in no more; see `RawSeal`. */
export function receivedBeforeOf(tooOldBefore: Date): Date {
  return new Date(tooOldBefore.getTime() - dayMs);
}

/** The other way round. */
export function tooOldBeforeOf(receivedBefore: Date): Date {
  return new Date(receivedBefore.getTime() + dayMs);
}

/** The start of the UTC day in which an instant lies. */
export function startOfDay(at: Date): Date {
  return new Date(Math.floor(at.getTime() / dayMs) * dayMs);
}

/**
 * Seals what was received of a tenant before an instant: from now on nothing comes in that is as old, and every reader of
 * the log hears that it goes. Never goes back: what holds already stays.
 */
export async function sealRaw(
  append: Database,
  { partition, tenantId }: TenantPlace,
  receivedBefore: Date,
): Promise<void> {
  const tooOldBefore = tooOldBeforeOf(receivedBefore);
  const through = await findLastBefore(append, partition, receivedBefore);
  await changeRules(append, partition, async (tx) => {
    // Numbers become visible in their order: who has seen one has seen all below it.
    await tx.query('lock table raw_seals in share row exclusive mode');
    await tx.query(
      `insert into raw_seals as s (partition, tenant_id, too_old_before, through_offset, seal_number)
       select $1, $2, $3, $4, (select coalesce(max(seal_number), 0) + 1 from raw_seals)
       on conflict (partition, tenant_id) do update
         set too_old_before = excluded.too_old_before, through_offset = excluded.through_offset,
             seal_number = excluded.seal_number
       where s.too_old_before < excluded.too_old_before`,
      [partition, tenantId, tooOldBefore, through],
    );
  });
}

/** The offset of the last event received before an instant, by halves: offsets are dense, times never go back. */
async function findLastBefore(db: Database, partition: number, receivedBefore: Date): Promise<bigint> {
  const { rows: ends } = await db.query<{ first: bigint; last: bigint }>(
    'select low_water_offset as first, head_offset as last from partition_heads where partition = $1',
    [partition],
  );
  let { first, last } = ends[0] ?? { first: 0n, last: 0n };
  while (first < last) {
    const middle = (first + last + 1n) / 2n;
    const { rowCount } = await db.query(
      'select from events where partition = $1 and log_offset = $2 and log_offset > 0 and received_at >= $3',
      [partition, middle, receivedBefore],
    );
    if (rowCount > 0) last = middle - 1n;
    else first = middle;
  }
  return first;
}

/** The seals above a number, in their order, and that a reader needs nothing more of those up to it. */
export async function listSeals(
  worker: Database,
  reader: string,
  confirmed: bigint,
): Promise<readonly RawSeal[]> {
  await worker.query(
    `insert into log_readers as r (reader, confirmed_seal) values ($1, $2)
     on conflict (reader) do update set confirmed_seal = excluded.confirmed_seal
      where r.confirmed_seal < excluded.confirmed_seal`,
    [reader, confirmed],
  );
  const { rows } = await worker.query<{
    partition: number;
    tenant_id: string;
    too_old_before: Date;
    through_offset: bigint;
    seal_number: bigint;
  }>(
    `select partition, tenant_id, too_old_before, through_offset, seal_number from raw_seals
      where seal_number > $1 order by seal_number`,
    [confirmed],
  );
  return rows.map((row) => ({
    number: row.seal_number,
    partition: row.partition,
    tenantId: row.tenant_id,
    receivedBefore: receivedBeforeOf(row.too_old_before),
    occurredBefore: row.too_old_before,
    throughOffset: row.through_offset,
  }));
}

/** Whether a tenant is sealed up to an instant of receipt, and every reader of the log has confirmed it. */
export async function readSealState(
  db: Pick<Transaction, 'query'>,
  { partition, tenantId }: TenantPlace,
  receivedBefore: Date,
): Promise<'not-sealed' | 'sealed' | 'confirmed'> {
  const { rows } = await db.query<{ isConfirmed: boolean }>(
    `select not exists (select from log_readers r where r.confirmed_seal < s.seal_number) as "isConfirmed"
       from raw_seals s
      where s.partition = $1 and s.tenant_id = $2 and s.too_old_before >= $3`,
    [partition, tenantId, tooOldBeforeOf(receivedBefore)],
  );
  if (rows[0] === undefined) return 'not-sealed';
  return rows[0].isConfirmed ? 'confirmed' : 'sealed';
}
