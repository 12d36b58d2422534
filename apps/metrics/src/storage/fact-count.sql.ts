import type { Transaction } from '@parley/database';
import { DomainError } from '@parley/errors';
import { unknown } from '../projection/facts.ts';
import type { CutWindow } from './cut-parameters.ts';
import { factCondition, timeOf } from './fact-condition.ts';
import type { FactTableName } from './fact-condition.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { createStatementParameters } from './statement-parameters.ts';

type Window = Pick<CutWindow, 'start' | 'end'>;

/**
 * Refuses a question about more facts than the limit. How many there are is estimated by the sums of UTC days of the tenant,
 * or of the bot that is asked for, each taken as evenly spread over its day; of a group the facts themselves are counted by
 * their index where that is too many, up to the limit.
 * @throws DomainError `resource-exhausted`, reason TOO_MANY_ROWS, with `rows`, the estimate, and `limit`.
 */
export async function requireFewFacts(
  tx: Transaction,
  scope: ReadScope,
  windows: readonly Window[],
  limit: number,
): Promise<void> {
  const estimate = await estimateFacts(tx, scope, windows);
  if (estimate <= limit) return;
  const isByGroup = scope.groupId !== '' && scope.groupId !== unknown;
  const rows = isByGroup ? await countGroupFacts(tx, scope, windows, limit + 1) : estimate;
  if (rows <= limit) return;
  throw new DomainError(
    `The question is about ${isByGroup ? 'more than' : 'an estimated'} ${isByGroup ? limit : rows} rows, and one may be about ${limit}; ask for a shorter window, or for one bot.`,
    {
      kind: 'resource-exhausted',
      reason: 'TOO_MANY_ROWS',
      facts: { rows: String(rows), limit: String(limit) },
    },
  );
}

/** What the days hold. Leans on the primary key of kpi_rollups. */
export const factsOfDaysSql = {
  name: 'count-facts-of-days',
  text: `
    select r.bucket_start as start,
           sum(r.interaction_count + r.purchased_count + r.visited_count + r.did_nothing_count + r.resolved_count
               + r.csat_rating_count + r.nps_count + r.ces_count + r.thumbs_count)::bigint as count
      from kpi_rollups r
     where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
       and r.cube = ($4::text <> '')::int::smallint and r.level = 2
       and r.bucket_start >= $5 and r.bucket_start < $6 and r.bot_id = $4
     group by r.bucket_start`,
};

const dayMs = 86_400_000;

async function estimateFacts(
  tx: Transaction,
  { partition, tenantId, generation, botId }: ReadScope,
  windows: readonly Window[],
): Promise<number> {
  const first = Math.min(...windows.map(({ start }) => start.getTime()));
  const last = Math.max(...windows.map(({ end }) => end.getTime()));
  const { rows } = await tx.query<{ start: Date; count: bigint }>(factsOfDaysSql, [
    partition,
    tenantId,
    generation,
    botId,
    new Date(first - dayMs),
    new Date(last),
  ]);
  let total = 0;
  for (const { start, count } of rows) {
    const day = start.getTime();
    for (const window of windows) {
      const from = Math.max(day, window.start.getTime());
      const to = Math.min(day + dayMs, window.end.getTime());
      if (from < to) total += (Number(count) * (to - from)) / dayMs;
    }
  }
  return Math.round(total);
}

const counted: readonly FactTableName[] = ['interaction_facts', 'conversion_facts', 'feedback_facts'];

/** Leans on the …_by_group indexes of facts; stops at the limit. */
async function countGroupFacts(
  tx: Transaction,
  { partition, tenantId, generation, groupId, botId }: ReadScope,
  windows: readonly Window[],
  limit: number,
): Promise<number> {
  const parameters = createStatementParameters();
  const scope = {
    partition,
    tenantId,
    generation,
    groupId,
    botId,
    intent: '',
    channel: '',
    sentiment: '',
    segment: '',
  };
  const starts = parameters.of(
    windows.map(({ start }) => start),
    'timestamptz[]',
  );
  const ends = parameters.of(
    windows.map(({ end }) => end),
    'timestamptz[]',
  );
  const parts = counted.map(
    (table) => `
      select from unnest(${starts}, ${ends}) as stretch (starts_at, ends_at)
       cross join lateral (
         select from ${table} f
          where ${factCondition(scope, table, parameters)}
            and ${timeOf(table)} >= stretch.starts_at and ${timeOf(table)} < stretch.ends_at
         offset 0
       ) as f`,
  );
  const { rows } = await tx.query<{ count: bigint }>(
    `select count(*) as count from (${parts.join(' union all ')} limit ${parameters.of(limit, 'integer')}) as f`,
    parameters.values,
  );
  return Number(rows[0]?.count);
}
