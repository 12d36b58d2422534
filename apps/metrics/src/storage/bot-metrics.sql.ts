import type { Transaction } from '@parley/database';

/** A figure that others measured, as health is judged by it. */
export interface MeasuredByOthers {
  readonly type: string;
  readonly value: number;
  readonly sampleSize: number;
}

/**
 * What others measured of a bot, of some types, in periods that ended after an instant and not after another: of each type
 * the rows of the shortest period that says anything. Parameters: partition, tenant, generation, bot, types, both instants.
 * Leans on bot_metric_facts_by_bot.
 */
export const measuredByOthersSql = {
  name: 'read-measured-by-others',
  text: `
    select m.type, m.value, m.sample_size as "sampleSize"
      from (
        select f.type, f.value, f.sample_size, f.period, min(f.period) over (partition by f.type) as shortest
          from bot_metric_facts f
         where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.bot_id = $4
           and f.type = any($5::text[]) and f.occurred_at > $6 and f.occurred_at <= $7 and f.sample_size > 0
      ) as m
     where m.period = m.shortest`,
};

/** What others measured of a bot in a window, after its start and up to its end. */
export async function readMeasuredByOthers(
  tx: Transaction,
  scope: {
    readonly partition: number;
    readonly tenantId: string;
    readonly generation: number;
    readonly botId: string;
  },
  types: readonly string[],
  { start, end }: { readonly start: Date; readonly end: Date },
): Promise<readonly MeasuredByOthers[]> {
  const { partition, tenantId, generation, botId } = scope;
  const { rows } = await tx.query<{ type: string; value: number; sampleSize: bigint }>(measuredByOthersSql, [
    partition,
    tenantId,
    generation,
    botId,
    types,
    start,
    end,
  ]);
  return rows.map((row) => ({ ...row, sampleSize: Number(row.sampleSize) }));
}

/** A figure that others measured, as it was told. */
export interface BotMetricRow {
  readonly botId: string;
  /** The contract's MetricCategory of ingestion. */
  readonly category: number;
  readonly type: string;
  readonly value: number;
  /** 1 hourly, 2 daily, 3 weekly, 4 monthly. */
  readonly period: number;
  readonly sampleSize: bigint;
  /** The end of its period. */
  readonly endsAt: Date;
  readonly eventKey: string;
}

/** Of which rows, in a list that has the latest first. */
export interface BotMetricFilter {
  /** Empty: all bots. */
  readonly botId: string;
  /** Empty: all types. */
  readonly type: string;
  /** Undefined: all periods. */
  readonly period: number | undefined;
  /** Days since 1970: what was received later is left out. Undefined: nothing is. */
  readonly asOf: number | undefined;
}

/** A place in the list of metrics. */
export interface BotMetricPlace {
  readonly endsAt: Date;
  readonly period: number;
  readonly botId: string;
  readonly type: string;
  /** Empty: one that Parley produces, which comes before those of others. */
  readonly eventKey: string;
}

/**
 * What others measured in periods that ended after an instant and not after another, behind a place in the list, in its
 * order. Parameters: partition, tenant, generation, both instants, bot, type, period, day of knowledge, then the place's
 * end, period, bot, type and key (its end null: from the start), and how many. Leans on bot_metric_facts_by_time.
 */
export const botMetricsSql = {
  name: 'list-bot-metrics',
  text: `
    select f.bot_id as "botId", f.category, f.type, f.value, f.period, f.sample_size as "sampleSize",
           f.occurred_at as "endsAt", f.event_key as "eventKey"
      from bot_metric_facts f
     where f.partition = $1 and f.tenant_id = $2 and f.generation = $3
       and f.occurred_at > $4 and f.occurred_at <= $5
       and ($6::text = '' or f.bot_id = $6) and ($7::text = '' or f.type = $7)
       and ($8::integer is null or f.period = $8) and ($9::integer is null or f.known_on <= $9)
       and ($10::timestamptz is null or f.occurred_at < $10 or (f.occurred_at = $10
            and (f.period, f.bot_id, f.type, f.event_key) > ($11::smallint, $12::text, $13::text, $14::uuid)))
     order by f.occurred_at desc, f.period, f.bot_id, f.type, f.event_key
     limit $15`,
};

const firstKey = '00000000-0000-0000-0000-000000000000';

/** What others measured, in the order of the list; at most `limit`. */
export async function readBotMetrics(
  tx: Transaction,
  scope: { readonly partition: number; readonly tenantId: string; readonly generation: number },
  { start, end }: { readonly start: Date; readonly end: Date },
  { botId, type, period, asOf }: BotMetricFilter,
  { after, limit }: { readonly after: BotMetricPlace | undefined; readonly limit: number },
): Promise<readonly BotMetricRow[]> {
  const { rows } = await tx.query<BotMetricRow>(botMetricsSql, [
    scope.partition,
    scope.tenantId,
    scope.generation,
    start,
    end,
    botId,
    type,
    period ?? null,
    asOf ?? null,
    after?.endsAt ?? null,
    after?.period ?? 0,
    after?.botId ?? '',
    after?.type ?? '',
    after === undefined || after.eventKey === '' ? firstKey : after.eventKey,
    limit,
  ]);
  return rows;
}

/**
 * The last hour before an instant in which a tenant has anything, and when the last metric of others up to it ended; null
 * where there is none. Parameters: partition, tenant, generation, instant. Leans on the primary keys of kpi_rollups and
 * revenue_rollups and on bot_metric_facts_by_time.
 */
export const lastMeasuredSql = {
  name: 'find-last-measured',
  text: `
    select greatest(
             (select max(r.bucket_start) from kpi_rollups r
               where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
                 and r.cube = 0 and r.level = 1 and r.bucket_start < $4),
             (select max(r.bucket_start) from revenue_rollups r
               where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
                 and r.cube = 0 and r.level = 1 and r.bucket_start < $4)
           ) as hour,
           (select max(f.occurred_at) from bot_metric_facts f
             where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.occurred_at <= $4) as "toldAt"`,
};

/** When there was last anything to list before an instant. */
export async function findLastMeasured(
  tx: Transaction,
  scope: { readonly partition: number; readonly tenantId: string; readonly generation: number },
  before: Date,
): Promise<{ readonly hour: Date | null; readonly toldAt: Date | null }> {
  const { partition, tenantId, generation } = scope;
  const { rows } = await tx.query<{ hour: Date | null; toldAt: Date | null }>(lastMeasuredSql, [
    partition,
    tenantId,
    generation,
    before,
  ]);
  return rows[0] ?? { hour: null, toldAt: null };
}
