import { encodeInt8Array } from '@parley/database';
import { conversationCounters, kpiCounters } from '@parley/kpi';
import type { ConversationCounter, KpiCounter } from '@parley/kpi';
import type { Bucket } from '../projection/cell.ts';
import type { RowScope } from './fact-store.ts';
import { columnOf } from './kpi-columns.ts';
import { bucketColumns, bucketsSql } from './member-set-store.ts';

/** What a bucket's sums change by. */
export interface SumsCell<Counter extends string> extends Bucket {
  readonly state: Readonly<Record<Counter, number>>;
}

/** A table of sums by bucket. */
export interface RollupStore<Counter extends string> {
  /** Whether a row says anything, as an SQL condition. */
  readonly hasAnySum: string;
  /** Adds to what the buckets hold. Each bucket may be given once. */
  add(scope: RowScope, cells: readonly SumsCell<Counter>[]): Promise<void>;
  /** Deletes those of these buckets that say nothing any more. */
  deleteEmpty(scope: RowScope, cells: readonly SumsCell<Counter>[]): Promise<void>;
}

export const kpiRollups = createRollupStore('kpi_rollups', kpiCounters);
export const conversationRollups = createRollupStore('conversation_rollups', conversationCounters);

/** Its statements lean on the table's primary key. */
function createRollupStore<Counter extends KpiCounter | ConversationCounter>(
  table: string,
  counters: readonly Counter[],
): RollupStore<Counter> {
  const columns = counters.map(columnOf);
  const arrays = columns.map((_, index) => `$${index + 9}::bigint[]`).join(', ');
  const hasAnySum = `not (${columns.map((column) => `${column} = 0`).join(' and ')})`;
  const addSql = {
    name: `add to ${table}`,
    text: `
    insert into ${table} as r
      (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, ${columns.join(', ')})
    select $1, tenant_id, $2, cube, level, bucket_start, bot_id, known_on, ${columns.join(', ')}
      from unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[], ${arrays})
        as added (tenant_id, cube, level, bucket_start, bot_id, known_on, ${columns.join(', ')})
    on conflict (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on)
    do update set ${columns.map((column) => `${column} = r.${column} + excluded.${column}`).join(', ')}`,
  };
  const deleteEmptySql = `
    delete from ${table} r
     using ${bucketsSql}
     where r.partition = $1 and r.tenant_id = gone.tenant_id and r.generation = $2 and r.cube = gone.cube
       and r.level = gone.level and r.bucket_start = gone.bucket_start and r.bot_id = gone.bot_id
       and r.known_on = gone.known_on and not (${hasAnySum})`;
  return {
    hasAnySum,
    async add({ tx, partition, generation }, cells) {
      if (cells.length === 0) return;
      await tx.query(addSql, [
        partition,
        generation,
        ...bucketColumns(cells),
        ...counters.map((counter) => encodeInt8Array(cells.map(({ state }) => state[counter]))),
      ]);
    },
    async deleteEmpty({ tx, partition, generation }, cells) {
      if (cells.length === 0) return;
      await tx.query(deleteEmptySql, [partition, generation, ...bucketColumns(cells)]);
    },
  };
}
