import type { Transaction } from '@parley/database';
import type { FunnelPath } from '@parley/kpi';
import { factCondition } from './fact-condition.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { createStatementParameters } from './statement-parameters.ts';
import { maxRows, requireFewRows } from './too-many-rows.ts';

/** Which members spoke first when, and what they did then. */
export interface FunnelPaths {
  /** How many spoke. */
  readonly memberCount: number;
  /** Of those who did anything after that. */
  readonly paths: readonly FunnelPath[];
}

/**
 * The ways of the members who spoke in a window, as far as they went within so long. Who only spoke is counted. By the
 * indexes of interactions and conversions by time or by group.
 * @throws DomainError `resource-exhausted` TOO_MANY_ROWS
 */
export async function readFunnelPaths(
  tx: Transaction,
  scope: ReadScope,
  { start, end }: { readonly start: Date; readonly end: Date },
  withinMs: number,
): Promise<FunnelPaths> {
  const parameters = createStatementParameters();
  const from = parameters.of(start, 'timestamptz');
  const within = `${parameters.of(withinMs, 'double precision')} * interval '1 millisecond'`;
  const times = (condition: string) =>
    `array_agg((extract(epoch from sold.occurred_at) * 1000)::float8) filter (where ${condition})`;
  const { rows } = await tx.query<{
    spokenCount: bigint;
    soldCount: bigint;
    memberCount: bigint;
    message: number | null;
    visit: readonly number[] | null;
    checkout: readonly number[] | null;
    purchase: readonly number[] | null;
  }>(
    `with spoken as materialized (
       select f.member_ordinal, f.occurred_at from interaction_facts f
        where ${factCondition(scope, 'interaction_facts', parameters)}
          and f.occurred_at >= ${from} and f.occurred_at < ${parameters.of(end, 'timestamptz')}
          and f.member_ordinal is not null
        limit ${maxRows + 1}
     ), first as materialized (
       select member_ordinal, min(occurred_at) as at from spoken group by member_ordinal
     ), sold as materialized (
       select f.member_ordinal, f.occurred_at, f.outcome, f.checkout_completed from conversion_facts f
        where ${factCondition(scope, 'conversion_facts', parameters)}
          and f.occurred_at >= ${from}
          and f.occurred_at <= ${parameters.of(new Date(end.getTime() + withinMs), 'timestamptz')}
          and f.member_ordinal is not null and (f.outcome in (1, 2) or f.checkout_completed)
        limit ${maxRows + 1}
     ), paths as (
       select (extract(epoch from first.at) * 1000)::float8 as message,
              ${times('sold.outcome in (1, 2)')} as visit,
              ${times('sold.checkout_completed')} as checkout,
              ${times('sold.outcome = 1')} as purchase
         from first join sold using (member_ordinal)
        where sold.occurred_at >= first.at and sold.occurred_at <= first.at + ${within}
        group by first.member_ordinal, first.at
     )
     select (select count(*) from spoken) as "spokenCount", (select count(*) from sold) as "soldCount",
            (select count(*) from first) as "memberCount", paths.*
       from (values (1)) as always left join paths on true`,
    parameters.values,
  );
  const [totals] = rows;
  requireFewRows(Number(totals?.spokenCount), 'interactions');
  requireFewRows(Number(totals?.soldCount), 'conversions');
  return {
    memberCount: Number(totals?.memberCount),
    paths: rows.flatMap(({ message, visit, checkout, purchase }) =>
      message === null
        ? []
        : [{ message: [message], visit: visit ?? [], checkout: checkout ?? [], purchase: purchase ?? [] }],
    ),
  };
}
