import type { Transaction } from '@parley/database';
import { factCondition } from './fact-condition.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { createStatementParameters } from './statement-parameters.ts';
import { maxRows, requireFewRows } from './too-many-rows.ts';

/** What one member brought in one stretch of time, refunds taken off. */
export interface MemberRevenue {
  /** From which of the instants to the next. */
  readonly position: number;
  readonly memberOrdinal: number;
  readonly netMinorUnits: bigint;
}

/**
 * What members brought in a currency, from each of these instants, at least two and ascending, to the next: conversions
 * and refunds at their own times, a refund for its conversion's member. By the indexes of both facts by time or group, and
 * by the key of a refund's conversion.
 * @throws DomainError `resource-exhausted` TOO_MANY_ROWS
 */
export async function readMemberRevenue(
  tx: Transaction,
  scope: ReadScope,
  instants: readonly Date[],
  currencyCode: string,
): Promise<readonly MemberRevenue[]> {
  const parameters = createStatementParameters();
  const of = (table: 'conversion_facts' | 'refund_facts') => `
            where ${factCondition(scope, table, parameters)}
              and f.occurred_at >= ${parameters.of(instants[0], 'timestamptz')}
              and f.occurred_at < ${parameters.of(instants.at(-1), 'timestamptz')}
              and f.currency_code = ${parameters.of(currencyCode, 'text')} and f.value_minor_units > 0`;
  const { rows } = await tx.query<{
    position: number;
    memberOrdinal: number | null;
    net: string;
    count: bigint;
  }>(
    `select width_bucket(f.occurred_at, ${parameters.of(instants, 'timestamptz[]')}) - 1 as position,
            f.member_ordinal as "memberOrdinal", sum(f.net)::text as net, count(*) as count
       from (
         select f.occurred_at, f.member_ordinal, f.value_minor_units::numeric as net
           from conversion_facts f ${of('conversion_facts')}
         union all
         select f.occurred_at, c.member_ordinal, - f.value_minor_units::numeric
           from refund_facts f
          cross join lateral (
            select c.member_ordinal from conversion_facts c
             where c.partition = f.partition and c.conversion_key = f.conversion_key and c.tenant_id = f.tenant_id
               and c.generation = f.generation
            offset 0
          ) as c ${of('refund_facts')}
         limit ${maxRows + 1}
       ) as f
      group by position, member_ordinal`,
    parameters.values,
  );
  requireFewRows(
    rows.reduce((sum, { count }) => sum + Number(count), 0),
    'conversions and refunds',
  );
  return rows.flatMap(({ position, memberOrdinal, net }) =>
    memberOrdinal === null ? [] : [{ position, memberOrdinal, netMinorUnits: BigInt(net) }],
  );
}
