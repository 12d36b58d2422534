import { encodeInt2Array, encodeInt4Array, encodeInt8Array } from '@parley/database';
import type { LatencyCell } from '../projection/cell.ts';
import type { RowScope } from './fact-store.ts';
import { bucketColumns, bucketsSql } from './member-set-store.ts';

/** Whether a row says anything. */
export const hasAnyBin = "bins <> '{}'";

/**
 * Adds the counts of both, bin by bin; what comes to 0 goes. Leans on the primary key of latency_rollups. The bins of all
 * cells come as one list, each with its cell's place, since lists in a list must be of one length.
 */
const addSql = {
  name: 'add-to-latency-rollups',
  text: `
    insert into latency_rollups as r
      (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, bins, counts)
    select $1, cell.tenant_id, $2, cell.cube, cell.level, cell.bucket_start, cell.bot_id, cell.known_on,
           coalesce(added.bins, '{}'), coalesce(added.counts, '{}')
      from unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[])
             with ordinality as cell (tenant_id, cube, level, bucket_start, bot_id, known_on, position)
      left join (
        select position, array_agg(bin order by bin) as bins, array_agg(count order by bin) as counts
          from unnest($9::integer[], $10::smallint[], $11::bigint[]) as b (position, bin, count)
         group by position
      ) as added on added.position = cell.position
    on conflict (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on)
    do update set (bins, counts) = (
      select coalesce(array_agg(bin order by bin), '{}'), coalesce(array_agg(count order by bin), '{}')
        from (
          select bin, sum(count)::bigint as count
            from (
              select * from unnest(r.bins, r.counts) as stored (bin, count)
              union all
              select * from unnest(excluded.bins, excluded.counts) as added (bin, count)
            ) as both_of_them
           group by bin having sum(count) <> 0
        ) as summed
    )`,
};

/** Adds to what the buckets hold. Each bucket may be given once. */
export async function addToLatencyRollups(
  { tx, partition, generation }: RowScope,
  cells: readonly LatencyCell[],
): Promise<void> {
  if (cells.length === 0) return;
  const [positions, bins, counts]: [number[], number[], number[]] = [[], [], []];
  for (const [index, cell] of cells.entries()) {
    for (const [bin, count] of cell.bins) {
      if (count === 0) continue;
      positions.push(index + 1);
      bins.push(bin);
      counts.push(count);
    }
  }
  await tx.query(addSql, [
    partition,
    generation,
    ...bucketColumns(cells),
    encodeInt4Array(positions),
    encodeInt2Array(bins),
    encodeInt8Array(counts),
  ]);
}

/** Deletes those of these buckets that say nothing any more. */
export async function deleteEmptyLatencies(
  { tx, partition, generation }: RowScope,
  cells: readonly LatencyCell[],
): Promise<void> {
  if (cells.length === 0) return;
  await tx.query(
    `delete from latency_rollups r
      using ${bucketsSql}
      where r.partition = $1 and r.tenant_id = gone.tenant_id and r.generation = $2 and r.cube = gone.cube
        and r.level = gone.level and r.bucket_start = gone.bucket_start and r.bot_id = gone.bot_id
        and r.known_on = gone.known_on and r.bins = '{}'`,
    [partition, generation, ...bucketColumns(cells)],
  );
}
