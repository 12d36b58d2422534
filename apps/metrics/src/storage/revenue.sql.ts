import type { Transaction } from '@parley/database';
import { addRevenue, emptyRevenue, revenueCounters } from '@parley/kpi';
import type { Revenue, RevenueCounter, RevenueSums } from '@parley/kpi';
import { cutParameters } from './cut-parameters.ts';
import type { CutWindow } from './cut-parameters.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { revenueColumn } from './revenue-store.ts';

const columns = revenueCounters.map(revenueColumn);
const sums = columns.map((column) => `sum(${column})::text as ${column}`).join(', ');

/** What a row of facts counts as, where it isn't 0; the same as @parley/kpi says of a fact. */
export const ofSale: Partial<Record<RevenueCounter, string>> = {
  orderCount: '(f.value_minor_units > 0)::int',
  grossMinorUnits: 'f.value_minor_units',
  grossSquareSum: 'f.value_minor_units::numeric * f.value_minor_units',
  overRefundedCount: '(f.refunded_minor_units > f.value_minor_units)::int',
};
export const ofRefund: Partial<Record<RevenueCounter, string>> = {
  refundCount: '1',
  refundedMinorUnits: 'f.value_minor_units',
};

function factRows(
  table: string,
  values: Partial<Record<RevenueCounter, string>>,
  stretches: string,
  condition: string,
): string {
  const list = revenueCounters.map(
    (counter) => `${values[counter] ?? '0'}::numeric as ${revenueColumn(counter)}`,
  );
  return `
    select stretch.position, f.* from ${stretches} as stretch (position, starts_at, ends_at)
     cross join lateral (
       select f.currency_code, ${list.join(', ')} from ${table} f
        where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and ${condition}
          and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at
       offset 0
     ) as f`;
}

function allFactRows(stretches: string, condition: string): string {
  return [
    factRows(
      'conversion_facts',
      ofSale,
      stretches,
      `${condition} and (f.value_minor_units > 0 or f.refunded_minor_units > 0)`,
    ),
    factRows('refund_facts', ofRefund, stretches, `${condition} and f.value_minor_units > 0`),
  ].join(' union all ');
}

/**
 * What a tenant or one of its bots earned in several windows, by currency. Parameters: partition, tenant, generation, bot,
 * then `cutParameters`. Leans on the primary key of revenue_rollups and on conversion_facts_by_time and
 * refund_facts_by_time. Its plan is kept as that of `kpiStateSql` is.
 */
export const revenueSql = {
  name: 'read-revenue',
  text: `
    select position, currency_code, ${sums} from (
      select part.position, r.*
        from unnest((select $5::integer[]), (select $6::smallint[]), (select $7::timestamptz[]),
                    (select $8::timestamptz[])) as part (position, level, starts_at, ends_at)
       cross join lateral (
         select r.currency_code, ${columns.map((column) => `r.${column}::numeric`).join(', ')} from revenue_rollups r
          where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
            and r.cube = ($4::text <> '')::int::smallint and r.level = part.level
            and r.bucket_start >= part.starts_at and r.bucket_start < part.ends_at and r.bot_id = $4
         offset 0
       ) as r
      union all
      ${allFactRows(
        'unnest((select $9::integer[]), (select $10::timestamptz[]), (select $11::timestamptz[]))',
        "f.bot_id <> '' and ($4 = '' or f.bot_id = $4)",
      )}
    ) as part
    group by position, currency_code`,
};

/**
 * What a group, or one bot in it, earned in several windows. Parameters: partition, tenant, generation, bot, group, then
 * the windows' places, starts and ends. Leans on conversion_facts_by_group and refund_facts_by_group.
 */
export const groupRevenueSql = `
    select position, currency_code, ${sums} from (
      ${allFactRows(
        'unnest($6::integer[], $7::timestamptz[], $8::timestamptz[])',
        "f.group_id = $5 and ($4::text = '' or f.bot_id = $4)",
      )}
    ) as part
    group by position, currency_code`;

/** What was earned in each of the windows, by currency, in their order. */
export async function readRevenue(
  tx: Transaction,
  { partition, tenantId, generation, botId, groupId }: ReadScope,
  windows: readonly CutWindow[],
): Promise<readonly Revenue[]> {
  const ofBot = [partition, tenantId, generation, botId];
  const { rows } = await tx.query<Record<string, string> & { readonly position: number }>(
    groupId === '' ? revenueSql : groupRevenueSql,
    groupId === ''
      ? [...ofBot, ...cutParameters(windows, ['day', 'hour', 'quarter'])]
      : [
          ...ofBot,
          groupId,
          windows.map((_, position) => position),
          windows.map(({ start }) => start),
          windows.map(({ end }) => end),
        ],
  );
  const found = windows.map(() => new Map<string, RevenueSums>());
  for (const row of rows) found[row.position]?.set(row['currency_code'] ?? '', toSums(row));
  return found;
}

/** What was earned in all of them. */
export function totalRevenue(parts: readonly Revenue[]): Revenue {
  const total = new Map<string, RevenueSums>();
  for (const part of parts) {
    for (const [code, earned] of part) {
      total.set(code, addRevenue(total.get(code) ?? emptyRevenue, earned));
    }
  }
  return total;
}

function toSums(row: Record<string, unknown>): RevenueSums {
  const entries = revenueCounters.map(
    (counter) => [counter, BigInt(String(row[revenueColumn(counter)]))] as const,
  );
  return Object.fromEntries(entries) as Record<RevenueCounter, bigint>;
}
