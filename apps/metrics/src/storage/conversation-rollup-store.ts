import { encodeInt8Array } from '@parley/database';
import { conversationCounters } from '@parley/kpi';
import type { ConversationCell } from '../projection/conversation-sums.ts';
import type { RowScope } from './fact-store.ts';
import { columnOf } from './kpi-columns.ts';
import { bucketColumns, bucketsSql } from './member-set-store.ts';

const columns = conversationCounters.map(columnOf);
const arrays = columns.map((_, index) => `$${index + 9}::bigint[]`).join(', ');

/** Whether a row says anything. */
export const hasAnyConversationSum = `not (${columns.map((column) => `${column} = 0`).join(' and ')})`;

/** Leans on the primary key of conversation_rollups. */
const addSql = {
  name: 'add-to-conversation-rollups',
  text: `
    insert into conversation_rollups as r
      (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, ${columns.join(', ')})
    select $1, tenant_id, $2, cube, level, bucket_start, bot_id, known_on, ${columns.join(', ')}
      from unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[], ${arrays})
        as added (tenant_id, cube, level, bucket_start, bot_id, known_on, ${columns.join(', ')})
    on conflict (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on)
    do update set ${columns.map((column) => `${column} = r.${column} + excluded.${column}`).join(', ')}`,
};

/** Adds to what the buckets hold. Each bucket may be given once. */
export async function addToConversationRollups(
  { tx, partition, generation }: RowScope,
  cells: readonly ConversationCell[],
): Promise<void> {
  if (cells.length === 0) return;
  await tx.query(addSql, [
    partition,
    generation,
    ...bucketColumns(cells),
    ...conversationCounters.map((counter) => encodeInt8Array(cells.map(({ state }) => state[counter]))),
  ]);
}

/** Deletes those of these buckets that say nothing any more. */
export async function deleteEmptyConversationRollups(
  { tx, partition, generation }: RowScope,
  cells: readonly ConversationCell[],
): Promise<void> {
  if (cells.length === 0) return;
  await tx.query(
    `delete from conversation_rollups r
      using ${bucketsSql}
      where r.partition = $1 and r.tenant_id = gone.tenant_id and r.generation = $2 and r.cube = gone.cube
        and r.level = gone.level and r.bucket_start = gone.bucket_start and r.bot_id = gone.bot_id
        and r.known_on = gone.known_on and not (${hasAnyConversationSum})`,
    [partition, generation, ...bucketColumns(cells)],
  );
}
