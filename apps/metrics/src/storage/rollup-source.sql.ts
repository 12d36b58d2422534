import { conversationCounters, kpiCounters, revenueCounters } from '@parley/kpi';
import type { ConversationCounter, KpiCounter, RevenueCounter } from '@parley/kpi';
import { ofConversation } from './conversation-state.sql.ts';
import { columnOf } from './kpi-columns.ts';
import { ofConversion, ofFeedback, ofInteraction } from './kpi-state.sql.ts';
import { ofSale, ofRefund } from './revenue.sql.ts';
import { revenueColumn } from './revenue-store.ts';
import { bothStatements, bucketRows, leftRows } from './rollup-rows.ts';
import type { RowsOptions } from './rollup-rows.ts';

const kpiColumns = kpiCounters.map(columnOf);
const conversationColumns = conversationCounters.map(columnOf);
const revenueColumns = revenueCounters.map(revenueColumn);
const sumsOf = (columns: readonly string[], type = 'bigint') =>
  columns.map((column) => `coalesce(sum(${column}), 0)::${type} as ${column}`).join(', ');
const kpiValues = (values: Partial<Record<KpiCounter, string>>) =>
  kpiCounters.map((counter) => `(${values[counter] ?? '0'})::bigint as ${columnOf(counter)}`).join(', ');
const revenueValues = (values: Partial<Record<RevenueCounter, string>>) =>
  revenueCounters
    .map((counter) => `(${values[counter] ?? '0'})::numeric as ${revenueColumn(counter)}`)
    .join(', ');

/** The sums. Leans on the primary key of kpi_rollups and on the …_by_time indexes of facts. */
export const sumsSql = bothStatements(
  'read-sums',
  (options) => `
    select position, value, ${sumsOf(kpiColumns)} from (
      ${bucketRows({ table: 'kpi_rollups', columns: kpiColumns.map((column) => `r.${column}`).join(', ') }, options)}
      union all ${leftRows({ table: 'interaction_facts', columns: kpiValues(ofInteraction) }, options)}
      union all ${leftRows({ table: 'conversion_facts', columns: kpiValues(ofConversion) }, options)}
      union all ${leftRows({ table: 'feedback_facts', columns: kpiValues(ofFeedback) }, options)}
    ) as part
    group by position, value`,
);

const conversationList = conversationCounters
  .map((counter: ConversationCounter) => `(${ofConversation[counter]})::bigint as ${columnOf(counter)}`)
  .join(', ');

/**
 * The sums of the conversations that begin in the windows. Leans on the primary key of conversation_rollups and on
 * conversation_facts_by_time.
 */
export const conversationSumsSql = bothStatements(
  'read-conversation-sums',
  (options) => `
    select position, value, ${sumsOf(conversationColumns)} from (
      ${bucketRows(
        {
          table: 'conversation_rollups',
          columns: conversationColumns.map((column) => `r.${column}`).join(', '),
        },
        options,
      )}
      union all
      ${leftRows({ table: 'conversation_facts', columns: conversationList, time: 'started_at' }, options)}
    ) as part
    group by position, value`,
);

/**
 * Response times: how many in each bin of the buckets, and of what is left the times themselves. Leans on the primary key of
 * latency_rollups and on interaction_facts_by_time.
 */
export const latenciesSql = bothStatements(
  'read-latencies',
  (options) => `
    select position, value, bin, ms, sum(count)::bigint as count from (
      select r.position, r.value, b.bin, null::integer as ms, b.count
        from (${bucketRows({ table: 'latency_rollups', columns: 'r.bins, r.counts' }, options)}) as r
       cross join lateral unnest(r.bins, r.counts) as b (bin, count)
      union all
      select f.position, f.value, null, f.ms, 1
        from (${leftRows(
          {
            table: 'interaction_facts',
            columns: 'f.response_time_ms as ms',
            condition: 'f.response_time_ms is not null',
          },
          options,
        )}) as f
    ) as part
    group by position, value, bin, ms`,
);

/**
 * What was earned, by currency. Leans on the primary key of revenue_rollups and on conversion_facts_by_time and
 * refund_facts_by_time.
 */
export const earningsSql = bothStatements(
  'read-earnings',
  (options) => `
    select position, value, currency_code, ${sumsOf(revenueColumns, 'text')} from (
      ${bucketRows(
        {
          table: 'revenue_rollups',
          columns: `r.currency_code, ${revenueColumns.map((column) => `r.${column}::numeric as ${column}`).join(', ')}`,
        },
        options,
      )}
      union all
      ${leftRows(
        {
          table: 'conversion_facts',
          columns: `f.currency_code, ${revenueValues(ofSale)}`,
          condition: '(f.value_minor_units > 0 or f.refunded_minor_units > 0)',
        },
        options,
      )}
      union all
      ${leftRows(
        {
          table: 'refund_facts',
          columns: `f.currency_code, ${revenueValues(ofRefund)}`,
          condition: 'f.value_minor_units > 0',
        },
        options,
      )}
    ) as part
    group by position, value, currency_code`,
);

const membersOf = (
  sets: string,
  facts: { readonly table: string; readonly condition: string },
  setCondition?: string,
) =>
  ((options) => `
    select part.position, part.value, part.level, part.bucket_start, part.members, null::integer as ordinal
      from (${bucketRows(
        {
          table: sets,
          columns: 'r.level, r.bucket_start, r.members',
          ...(setCondition !== undefined && { condition: setCondition }),
        },
        options,
      )}) as part
    union all
    select distinct f.position, f.value, null::smallint, null::timestamptz, null::bytea, f.member_ordinal
      from (${leftRows({ ...facts, columns: 'f.member_ordinal' }, options)}) as f`) satisfies (
    options: RowsOptions,
  ) => string;

/** Who had an interaction. Leans on the primary key of member_sets and on interaction_facts_by_time. */
export const activeSql = bothStatements(
  'read-active',
  membersOf('member_sets', {
    table: 'interaction_facts',
    condition: 'f.member_ordinal is not null and coalesce(f.known_on, 0) <= $5',
  }),
);

/**
 * Who paid in a currency, the last parameter; with a bot they count once it is known that it is its conversion. Leans on the
 * primary key of payer_sets and on conversion_facts_by_time.
 */
export const payingSql = bothStatements('read-paying', (options) =>
  membersOf(
    'payer_sets',
    {
      table: 'conversion_facts',
      condition: `f.currency_code = $13 and ${
        options.isByBot ? 'f.bot_paid_on' : "case when $4 = '' then f.paid_on else f.bot_paid_on end"
      } <= $5`,
    },
    'r.currency_code = $13',
  )(options),
);
