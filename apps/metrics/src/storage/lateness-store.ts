import type { Transaction } from '@parley/database';
import { encodeInt2Array, encodeInt8Array, encodeUuidArray } from '@parley/database';
import type { LatenessCounts } from '@parley/kpi';
import type { RowScope } from './fact-store.ts';

/** How many events of a tenant were as late as a bin says. */
export interface LatenessCell {
  readonly tenantId: string;
  readonly bin: number;
  readonly count: number;
}

/** Leans on the primary key of lateness_counts. */
const addSql = {
  name: 'add-to-lateness-counts',
  text: `
    insert into lateness_counts as c (partition, tenant_id, generation, received_on, bin, event_count)
    select $1, tenant_id, $2, $3::date, bin, event_count
      from unnest($4::uuid[], $5::smallint[], $6::bigint[]) as added (tenant_id, bin, event_count)
    on conflict (partition, tenant_id, generation, received_on, bin)
    do update set event_count = c.event_count + excluded.event_count`,
};

/** Adds to the counts of one UTC day. Each tenant's bin may be given once. */
export async function addToLateness(
  { tx, partition, generation }: RowScope,
  receivedOn: Date,
  cells: readonly LatenessCell[],
): Promise<void> {
  if (cells.length === 0) return;
  await tx.query(addSql, [
    partition,
    generation,
    receivedOn.toISOString().slice(0, 10),
    encodeUuidArray(cells.map(({ tenantId }) => tenantId)),
    encodeInt2Array(cells.map(({ bin }) => bin)),
    encodeInt8Array(cells.map(({ count }) => count)),
  ]);
}

/** Leans on the primary key of lateness_counts. Parameters: partition, tenant, generation, the last day. */
export const latenessSql = {
  name: 'read-lateness-counts',
  text: `
    select received_on::text as day, bin, event_count as count from lateness_counts
     where partition = $1 and tenant_id = $2 and generation = $3 and received_on between $4::date - 27 and $4::date
     order by received_on`,
};

/** How late events were on each of the 28 days up to one, of those on which there were any. */
export async function readLateness(
  tx: Transaction,
  { partition, tenantId, generation }: { partition: number; tenantId: string; generation: number },
  lastDay: Date,
): Promise<readonly LatenessCounts[]> {
  const { rows } = await tx.query<{ day: string; bin: number; count: bigint }>(latenessSql, [
    partition,
    tenantId,
    generation,
    lastDay.toISOString().slice(0, 10),
  ]);
  const days = new Map<string, Map<number, number>>();
  for (const { day, bin, count } of rows) {
    const counts = days.get(day) ?? new Map<number, number>();
    counts.set(bin, Number(count));
    days.set(day, counts);
  }
  return [...days.values()];
}
