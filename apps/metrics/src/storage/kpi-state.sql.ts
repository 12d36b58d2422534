import type { WindowCut } from '@parley/calendar';
import { kpiCounters } from '@parley/kpi';
import type { KpiCounter, KpiState } from '@parley/kpi';
import type { Transaction } from '@parley/database';
import { levelNumbers } from '../projection/cell.ts';
import { columnOf } from './kpi-columns.ts';

/** Whose events are asked for, of which generation of rows. */
export interface ReadScope {
  readonly partition: number;
  readonly tenantId: string;
  readonly generation: number;
  /** Empty: all bots. */
  readonly botId: string;
  /** Empty: all groups. */
  readonly groupId: string;
  /** Empty: all intents. Here and below `unknown` is what is not known. */
  readonly intent: string;
  /** Empty: all channels. */
  readonly channel: string;
  /** `positive`, `neutral`, `negative`. Empty: all. */
  readonly sentiment: string;
  /** Of which segment the member is. Empty: all members, and anonymous ones. */
  readonly segment: string;
}

/** Whatever intent, channel, sentiment and segment. */
export const anyAttributes = { intent: '', channel: '', sentiment: '', segment: '' } as const;

/** What a row of facts counts as, where it isn't 0; the same as @parley/kpi says of a fact. */
export const ofInteraction: Partial<Record<KpiCounter, string>> = {
  interactionCount: '1',
  escalatedCount: "(f.intent = 'escalate')::int",
  incompleteCount: "(f.intent in ('abandoned', 'fallback'))::int",
  fallbackCount: "(f.intent = 'fallback')::int",
  unthreadedCount: "(f.conversation_id = '' and f.member_ordinal is null)::int",
  withoutResponseCount: '(not f.has_response)::int',
  lateResponseCount: '(f.has_response and f.response_time_ms > 300000)::int',
  responseTimeCount: '(f.response_time_ms > 0)::int',
  responseTimeSumMs: 'f.response_time_ms',
  latencyCount: '(f.response_time_ms is not null)::int',
  errorCount: 'f.has_error::int',
  positiveCount: '(f.sentiment = 1)::int',
  neutralCount: '(f.sentiment = 2)::int',
  negativeCount: '(f.sentiment = 3)::int',
};
export const ofConversion: Partial<Record<KpiCounter, string>> = {
  purchasedCount: '(f.outcome = 1)::int',
  visitedCount: '(f.outcome = 2)::int',
  didNothingCount: '(f.outcome = 3)::int',
  resolvedCount: '(f.outcome = 4)::int',
};
const isCsat = 'f.type = 1 and f.rating_micros is not null';
const isNps = 'f.type = 2 and f.scale_max_micros = 10000000';
const isCes = 'f.type = 3 and f.rating_micros is not null';
const isThumb = 'f.type = 4 and f.rating_micros is not null';
const isTop2 = 'f.rating_micros >= f.scale_max_micros - 1000000';
const square = '((f.rating_micros / 1000)::bigint * (f.rating_micros / 1000))';
export const ofFeedback: Partial<Record<KpiCounter, string>> = {
  csatCount: `(${isCsat} and f.rating_micros <> 0)::int`,
  csatSumMicros: `case when ${isCsat} then f.rating_micros end`,
  csatRatingCount: `(${isCsat})::int`,
  csatTop2Count: `(${isCsat} and ${isTop2})::int`,
  csatSquareSumMicros: `case when ${isCsat} then ${square} end`,
  npsCount: `(${isNps} and f.rating_micros is not null)::int`,
  npsPromoterCount: `(${isNps} and f.rating_micros >= 9000000)::int`,
  npsDetractorCount: `(${isNps} and f.rating_micros <= 6000000)::int`,
  cesCount: `(${isCes})::int`,
  cesSumMicros: `case when ${isCes} then f.rating_micros end`,
  cesSquareSumMicros: `case when ${isCes} then ${square} end`,
  cesTop2Count: `(${isCes} and ${isTop2})::int`,
  thumbsCount: `(${isThumb})::int`,
  thumbsUpCount: `(${isThumb} and f.rating_micros >= f.scale_max_micros)::int`,
};

const columns = kpiCounters.map(columnOf);
const sums = columns.map((column) => `coalesce(sum(${column}), 0)::bigint as ${column}`).join(', ');

/** The facts of some stretches of time. */
function factRows(
  table: string,
  values: Partial<Record<KpiCounter, string>>,
  stretches: string,
  condition: string,
): string {
  const list = kpiCounters.map((counter) => `${values[counter] ?? '0'}::bigint as ${columnOf(counter)}`);
  return `
    select f.* from ${stretches} as stretch (starts_at, ends_at)
     cross join lateral (
       select ${list.join(', ')} from ${table} f
        where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and ${condition}
          and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at
       offset 0
     ) as f`;
}

function allFactRows(stretches: string, condition: string): string {
  return [
    factRows('interaction_facts', ofInteraction, stretches, condition),
    factRows('conversion_facts', ofConversion, stretches, condition),
    factRows('feedback_facts', ofFeedback, stretches, condition),
  ].join(' union all ');
}

/**
 * The state of a tenant or of one of its bots over a window: its buckets of the fewest levels, and the facts of what is
 * left inside quarter hours. Parameters: partition, tenant, generation, bot, then the buckets' levels, starts and ends,
 * then starts and ends of what is left. Leans on the primary key of kpi_rollups and on the …_by_time indexes of facts.
 * OFFSET 0: each part by the whole key, also while the planner knows nothing of the tables. Its plan is kept, since to plan
 * it takes four times as long as to run it. That is safe where the transaction is `byIndex`: there is no other way to go.
 * Arrays stand in a SELECT, where the planner does not see how few items they have: it would take plans for them alone for
 * cheaper, and plan every time.
 */
export const kpiStateSql = {
  name: 'read-kpi-state',
  text: `
    select ${sums} from (
      select r.* from unnest((select $5::smallint[]), (select $6::timestamptz[]), (select $7::timestamptz[]))
                        as part (level, starts_at, ends_at)
       cross join lateral (
         select ${columns.join(', ')} from kpi_rollups r
          where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
            and r.cube = ($4::text <> '')::int::smallint and r.level = part.level
            and r.bucket_start >= part.starts_at and r.bucket_start < part.ends_at and r.bot_id = $4
         offset 0
       ) as r
      union all
      ${allFactRows('unnest((select $8::timestamptz[]), (select $9::timestamptz[]))', "f.bot_id <> '' and ($4 = '' or f.bot_id = $4)")}
    ) as part`,
};

/**
 * The state of a group, or of one bot in it, over a window: from facts, since there are as many groups as a tenant
 * likes. Parameters: partition, tenant, generation, bot, group, start, end. Leans on the …_by_group indexes of facts.
 */
export const groupKpiStateSql = `
    select ${sums} from (
      ${allFactRows(
        '(values ($6::timestamptz, $7::timestamptz))',
        "f.group_id = $5 and ($4::text = '' or f.bot_id = $4)",
      )}
    ) as part`;

/** The sums over a window. */
export async function readKpiState(
  tx: Transaction,
  scope: ReadScope,
  { start, end, cut }: { readonly start: Date; readonly end: Date; readonly cut: WindowCut },
): Promise<KpiState> {
  const { partition, tenantId, generation, botId, groupId } = scope;
  const { rows } =
    groupId === ''
      ? await tx.query<Record<string, bigint>>(kpiStateSql, [
          partition,
          tenantId,
          generation,
          botId,
          ...bucketParameters(cut),
          cut.edges.map((edge) => edge.start),
          cut.edges.map((edge) => edge.end),
        ])
      : await tx.query<Record<string, bigint>>(groupKpiStateSql, [
          partition,
          tenantId,
          generation,
          botId,
          groupId,
          start,
          end,
        ]);
  const [row = {}] = rows;
  const entries = kpiCounters.map((counter) => [counter, Number(row[columnOf(counter)])] as const);
  return Object.fromEntries(entries) as Record<KpiCounter, number>;
}

/** The buckets of a window: their levels, starts and ends. */
export function bucketParameters(cut: WindowCut): readonly unknown[][] {
  const parts = [
    ...cut.days.map((range) => ({ level: levelNumbers.day, ...range })),
    ...cut.hours.map((range) => ({ level: levelNumbers.hour, ...range })),
    ...cut.quarters.map((range) => ({ level: levelNumbers.quarter, ...range })),
  ];
  return [parts.map(({ level }) => level), parts.map(({ start }) => start), parts.map(({ end }) => end)];
}
