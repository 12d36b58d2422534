import type { Transaction } from '@parley/database';
import { dimensionColumns, factCondition } from './fact-condition.ts';
import type { Dimension } from './figure-source.ts';
import { anyAttributes } from './kpi-state.sql.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { createStatementParameters } from './statement-parameters.ts';
import { maxRows, requireFewRows } from './too-many-rows.ts';

/** A conversion with a value, and what was said before it. */
export interface Journey {
  /** What it earned less its refunds, by currency. */
  readonly net: readonly (readonly [currencyCode: string, minorUnits: bigint])[];
  /** The currency of its value. */
  readonly currencyCode: string;
  /** When the interactions before it were, ascending, in milliseconds. */
  readonly times: readonly number[];
  /** Their values of the dimension. */
  readonly values: readonly string[];
}

interface JourneyRow {
  readonly spokenCount: bigint;
  readonly soldCount: bigint;
  readonly pairCount: bigint;
  readonly currencyCode: string | null;
  readonly net: string;
  readonly otherCurrencies: readonly string[];
  readonly otherNets: readonly string[];
  readonly times: readonly number[] | null;
  readonly values: readonly string[] | null;
}

/**
 * The conversions of a scope with a value above 0 in a window, each with the interactions of its member in the lookback up
 * to it, of all bots and groups, and with the one that it names. By the indexes of conversions and interactions by time or
 * by group, and by the keys of interactions and of refunds' conversions.
 * @throws DomainError `resource-exhausted` TOO_MANY_ROWS
 */
export async function readJourneys(
  tx: Transaction,
  scope: ReadScope,
  { start, end }: { readonly start: Date; readonly end: Date },
  { dimension, lookbackMs }: { readonly dimension: Dimension; readonly lookbackMs: number },
): Promise<readonly Journey[]> {
  const parameters = createStatementParameters();
  const tenant = { ...scope, ...anyAttributes, botId: '', groupId: '' };
  const lookback = `${parameters.of(lookbackMs, 'double precision')} * interval '1 millisecond'`;
  const { columns } = dimensionColumns('interaction_facts', [dimension], parameters);
  const { rows } = await tx.query<JourneyRow>(
    `with sold as materialized (
       select f.partition, f.tenant_id, f.generation, f.conversion_key, f.interaction_key, f.occurred_at,
              f.member_ordinal, f.currency_code, f.value_minor_units - f.refunded_minor_units as net
         from conversion_facts f
        where ${factCondition(scope, 'conversion_facts', parameters)}
          and f.occurred_at >= ${parameters.of(start, 'timestamptz')}
          and f.occurred_at < ${parameters.of(end, 'timestamptz')} and f.value_minor_units > 0
        limit ${maxRows + 1}
     ), spoken as materialized (
       select f.interaction_key, f.member_ordinal, f.occurred_at, ${columns.join(', ')} as value
         from interaction_facts f
        where ${factCondition(tenant, 'interaction_facts', parameters)}
          and f.occurred_at >= ${parameters.of(new Date(start.getTime() - lookbackMs), 'timestamptz')}
          and f.occurred_at < ${parameters.of(end, 'timestamptz')}
        limit ${maxRows + 1}
     ), pairs as materialized (
       select sold.conversion_key, touch.interaction_key, touch.occurred_at, touch.value
         from sold join spoken touch on touch.member_ordinal = sold.member_ordinal
        where touch.occurred_at <= sold.occurred_at and touch.occurred_at >= sold.occurred_at - ${lookback}
       union all
       -- What the conversion names, where it is not its member's and so is among them already.
       select sold.conversion_key, touch.interaction_key, touch.occurred_at, touch.value
         from sold
        cross join lateral (
          select f.interaction_key, f.member_ordinal, f.occurred_at, ${columns.join(', ')} as value
            from interaction_facts f
           where f.partition = sold.partition and f.interaction_key = sold.interaction_key
             and f.tenant_id = sold.tenant_id and f.generation = sold.generation
          offset 0
        ) as touch
        where touch.occurred_at <= sold.occurred_at and touch.occurred_at >= sold.occurred_at - ${lookback}
          and (touch.member_ordinal is null or touch.member_ordinal is distinct from sold.member_ordinal)
       limit ${maxRows + 1}
     ), touched as (
       select conversion_key,
              array_agg((extract(epoch from occurred_at) * 1000)::float8 order by occurred_at, interaction_key) as times,
              array_agg(value order by occurred_at, interaction_key) as values
         from pairs group by conversion_key
     )
     select (select count(*) from spoken) as "spokenCount", (select count(*) from sold) as "soldCount",
            (select count(*) from pairs) as "pairCount",
            sold.currency_code as "currencyCode", sold.net::text as net,
            coalesce(others.currencies, '{}') as "otherCurrencies", coalesce(others.nets, '{}') as "otherNets",
            touched.times, touched.values
       from (values (1)) as always
       left join sold on true
       left join touched using (conversion_key)
       left join lateral (
         select array_agg(r.currency_code) as currencies, array_agg((- r.back)::text) as nets
           from (
             select r.currency_code, sum(r.value_minor_units) as back from refund_facts r
              where r.partition = sold.partition and r.conversion_key = sold.conversion_key
                and r.tenant_id = sold.tenant_id and r.generation = sold.generation
                and r.currency_code <> sold.currency_code and r.value_minor_units > 0
              group by r.currency_code
             offset 0
           ) as r
       ) as others on true`,
    parameters.values,
  );
  const [totals] = rows;
  requireFewRows(Number(totals?.soldCount), 'conversions');
  requireFewRows(Number(totals?.spokenCount), 'interactions, the lookback included');
  requireFewRows(Number(totals?.pairCount), 'pairs of a conversion and an interaction before it');
  return rows.flatMap(({ currencyCode, net, otherCurrencies, otherNets, times, values }) =>
    currencyCode === null
      ? []
      : [
          {
            currencyCode,
            net: [
              [currencyCode, BigInt(net)] as const,
              ...otherCurrencies.map((code, index) => [code, BigInt(otherNets[index] ?? 0)] as const),
            ],
            times: times ?? [],
            values: values ?? [],
          },
        ],
  );
}
