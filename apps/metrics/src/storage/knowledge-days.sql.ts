import type { Transaction } from '@parley/database';
import { cutParameters } from './cut-parameters.ts';
import type { CutWindow } from './cut-parameters.ts';
import type { ReadScope } from './kpi-state.sql.ts';

const tables = ['kpi_rollups', 'conversation_rollups', 'revenue_rollups'] as const;

/**
 * On which days after a day something was learned of a window, and whether events brought it, or time alone. Of all bots:
 * a day may be one on which nothing was learned of a scope. Parameters: partition, tenant, generation, day, then the buckets
 * of `cutParameters`. Leans on the primary keys of the rollups.
 */
export const knowledgeDaysSql = {
  name: 'read-knowledge-days',
  text: `
    select known_on - date '1970-01-01' as day, bool_or(by_events) as by_events from (
      ${tables
        .map(
          (table) => `
        select distinct r.known_on, ${table !== 'conversation_rollups'} as by_events
          from unnest((select $5::integer[]), (select $6::smallint[]), (select $7::timestamptz[]),
                      (select $8::timestamptz[])) as part (position, level, starts_at, ends_at)
         cross join lateral (
           select r.known_on from ${table} r
            where r.partition = $1 and r.tenant_id = $2 and r.generation = $3 and r.cube = 0 and r.level = part.level
              and r.bucket_start >= part.starts_at and r.bucket_start < part.ends_at and r.bot_id = ''
              and r.known_on > date '1970-01-01' + $4::integer
           offset 0
         ) as r`,
        )
        .join(' union all ')}
    ) as learned
    group by known_on order by known_on`,
};

/** A day, since 1970, on which something was learned. */
export interface KnowledgeDay {
  readonly day: number;
  /** Whether events of it were received; else time has passed for conversations. */
  readonly isByEvents: boolean;
}

/** The days after one on which something was learned of a window that is cut at full quarter hours. */
export async function readKnowledgeDays(
  tx: Transaction,
  { partition, tenantId, generation }: ReadScope,
  window: CutWindow,
  after: number,
): Promise<readonly KnowledgeDay[]> {
  const buckets = cutParameters([window], ['day', 'hour', 'quarter']).slice(0, 4);
  const { rows } = await tx.query<{ day: number; by_events: boolean }>(knowledgeDaysSql, [
    partition,
    tenantId,
    generation,
    after,
    ...buckets,
  ]);
  return rows.map(({ day, by_events }) => ({ day, isByEvents: by_events }));
}
