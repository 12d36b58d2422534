import { encodeInt8Array, encodeTextArray } from '@parley/database';
import { revenueCounters } from '@parley/kpi';
import type { RevenueCounter, RevenueSums } from '@parley/kpi';
import type { Bucket, RevenueCell } from '../projection/cell.ts';
import type { RowScope } from './fact-store.ts';
import { bucketColumns, bucketsSql } from './member-set-store.ts';

/** The column of a sum: `gross_minor_units`. */
export function revenueColumn(counter: RevenueCounter): string {
  return counter.replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}

const columns = revenueCounters.map(revenueColumn);
/** Amounts may be beyond what 64 bits hold. */
const isAmount = (counter: RevenueCounter): boolean => !counter.endsWith('Count');
const arrays = revenueCounters.map(
  (counter, index) => `$${index + 10}::${isAmount(counter) ? 'numeric' : 'bigint'}[]`,
);

/** Whether a row says anything. */
export const hasAnyRevenue = `not (${columns.map((column) => `${column} = 0`).join(' and ')})`;

/** Leans on the primary key of revenue_rollups. */
const addSql = {
  name: 'add-to-revenue-rollups',
  text: `
    insert into revenue_rollups as r
      (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, currency_code, ${columns.join(', ')})
    select $1, tenant_id, $2, cube, level, bucket_start, bot_id, known_on, currency_code, ${columns.join(', ')}
      from unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[], $9::text[],
                  ${arrays.join(', ')})
        as added (tenant_id, cube, level, bucket_start, bot_id, known_on, currency_code, ${columns.join(', ')})
    on conflict (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, currency_code)
    do update set ${columns.map((column) => `${column} = r.${column} + excluded.${column}`).join(', ')}`,
};

/** Adds to what the buckets hold. Each bucket may be given once. */
export async function addToRevenueRollups(
  { tx, partition, generation }: RowScope,
  cells: readonly RevenueCell[],
): Promise<void> {
  const rows = rowsOf(cells);
  if (rows.length === 0) return;
  await tx.query(addSql, [
    partition,
    generation,
    ...bucketColumns(rows),
    encodeTextArray(rows.map(({ currencyCode }) => currencyCode)),
    ...revenueCounters.map((counter) =>
      isAmount(counter)
        ? rows.map(({ sums }) => String(sums[counter]))
        : encodeInt8Array(rows.map(({ sums }) => Number(sums[counter]))),
    ),
  ]);
}

/** Deletes those of these buckets that say nothing any more. */
export async function deleteEmptyRevenue(
  { tx, partition, generation }: RowScope,
  cells: readonly RevenueCell[],
): Promise<void> {
  if (cells.length === 0) return;
  await tx.query(
    `delete from revenue_rollups r
      using ${bucketsSql}
      where r.partition = $1 and r.tenant_id = gone.tenant_id and r.generation = $2 and r.cube = gone.cube
        and r.level = gone.level and r.bucket_start = gone.bucket_start and r.bot_id = gone.bot_id
        and r.known_on = gone.known_on and not (${hasAnyRevenue})`,
    [partition, generation, ...bucketColumns(cells)],
  );
}

interface RevenueRow extends Bucket {
  readonly currencyCode: string;
  readonly sums: RevenueSums;
}

function rowsOf(cells: readonly RevenueCell[]): readonly RevenueRow[] {
  return cells.flatMap((cell) =>
    [...cell.currencies].map(([currencyCode, sums]) => ({ ...cell, currencyCode, sums })),
  );
}
