import type { WindowCut } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { latencyBin } from '@parley/kpi';
import type { LatencyBins } from '@parley/kpi';
import { bucketParameters } from './kpi-state.sql.ts';
import type { ReadScope } from './kpi-state.sql.ts';

/**
 * The response times of a tenant or of one of its bots over a window, as counts by bin: those of its buckets, added up, and
 * the times themselves of what is left inside quarter hours. Parameters as those of `kpiStateSql`. Leans on the primary key
 * of latency_rollups and on interaction_facts_by_time. Its plan is kept as that of `kpiStateSql` is.
 */
export const latencyBinsSql = {
  name: 'read-latency-bins',
  text: `
    select bin, ms, sum(count)::bigint as count from (
      select b.bin, null::integer as ms, b.count
        from unnest((select $5::smallint[]), (select $6::timestamptz[]), (select $7::timestamptz[]))
               as part (level, starts_at, ends_at)
       cross join lateral (
         select r.bins, r.counts from latency_rollups r
          where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
            and r.cube = ($4::text <> '')::int::smallint and r.level = part.level
            and r.bucket_start >= part.starts_at and r.bucket_start < part.ends_at and r.bot_id = $4
         offset 0
       ) as r
       cross join lateral unnest(r.bins, r.counts) as b (bin, count)
      union all
      select null, f.response_time_ms, 1
        from unnest((select $8::timestamptz[]), (select $9::timestamptz[])) as stretch (starts_at, ends_at)
       cross join lateral (
         select f.response_time_ms from interaction_facts f
          where f.partition = $1 and f.tenant_id = $2 and f.generation = $3
            and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at
            and f.bot_id <> '' and ($4 = '' or f.bot_id = $4) and f.response_time_ms is not null
         offset 0
       ) as f
    ) as part
    group by bin, ms`,
};

/**
 * The response times of a group, or of one bot in it: how often each occurs. Parameters: partition, tenant, generation,
 * bot, group, start, end. Leans on interaction_facts_by_group.
 */
export const groupLatenciesSql = `
    select null::smallint as bin, f.response_time_ms as ms, count(*) as count from interaction_facts f
     where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.group_id = $5
       and f.occurred_at >= $6 and f.occurred_at < $7
       and ($4::text = '' or f.bot_id = $4) and f.response_time_ms is not null
     group by f.response_time_ms`;

/** The response times of a window by bin. */
export async function readLatencyBins(
  tx: Transaction,
  { partition, tenantId, generation, botId, groupId }: ReadScope,
  { start, end, cut }: { readonly start: Date; readonly end: Date; readonly cut: WindowCut },
): Promise<LatencyBins> {
  const ofBot = [partition, tenantId, generation, botId];
  const edges = [cut.edges.map((edge) => edge.start), cut.edges.map((edge) => edge.end)];
  const { rows } = await tx.query<{ bin: number | null; ms: number | null; count: bigint }>(
    groupId === '' ? latencyBinsSql : groupLatenciesSql,
    groupId === '' ? [...ofBot, ...bucketParameters(cut), ...edges] : [...ofBot, groupId, start, end],
  );
  const bins = new Map<number, number>();
  for (const { bin: stored, ms, count } of rows) {
    const bin = stored ?? latencyBin(ms ?? 0);
    bins.set(bin, (bins.get(bin) ?? 0) + Number(count));
  }
  return bins;
}
