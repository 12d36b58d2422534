import { conversationCounters, kpiCounters, revenueCounters } from '@parley/kpi';
import type { ConversationCounter, KpiCounter, RevenueCounter } from '@parley/kpi';
import { ofConversation } from './conversation-state.sql.ts';
import { columnOf } from './kpi-columns.ts';
import { ofConversion, ofFeedback, ofInteraction } from './kpi-state.sql.ts';
import { revenueColumn } from './revenue-store.ts';
import { ofRefund, ofSale } from './revenue.sql.ts';
import type { StatementParameters } from './statement-parameters.ts';

/** What facts f of a table count as: expressions by column, and what has to stand behind f in the FROM for them. */
export interface FactValues {
  readonly columns: readonly (readonly [name: string, expression: string])[];
  /** Empty, or a lateral join that gives a row for each fact. */
  readonly join: string;
}

const stateValues = {
  interaction_facts: ofInteraction,
  conversion_facts: ofConversion,
  feedback_facts: ofFeedback,
};
const revenueValues = { conversion_facts: ofSale, refund_facts: ofRefund };

/** A day in days since 1970; undefined: what they count as now. */
type AsOf = number | undefined;

/** What they add to the sums at the end of a day: what was changed later is taken back, by their histories. */
export function stateValuesAsOf(
  table: keyof typeof stateValues,
  parameters: StatementParameters,
  asOf: AsOf,
): FactValues {
  const values: Partial<Record<KpiCounter, string>> = stateValues[table];
  const counters = kpiCounters.filter((counter) => values[counter] !== undefined);
  if (asOf === undefined) {
    return { columns: counters.map((counter) => [columnOf(counter), values[counter] ?? '0']), join: '' };
  }
  return {
    columns: counters.map((counter) => {
      const column = columnOf(counter);
      return [column, `coalesce(${values[counter] ?? '0'}, 0) - coalesce(later.${column}, 0)`];
    }),
    join: laterSums(
      counters.map((counter) => `sum((c.state ->> '${counter}')::bigint) as ${columnOf(counter)}`),
      `c.day > ${parameters.of(asOf, 'integer')}`,
    ),
  };
}

/** The same of money, in the fact's own currency. */
export function revenueValuesAsOf(
  table: keyof typeof revenueValues,
  parameters: StatementParameters,
  asOf: AsOf,
): FactValues {
  const values: Partial<Record<RevenueCounter, string>> = revenueValues[table];
  const counters = revenueCounters.filter((counter) => values[counter] !== undefined);
  const now = (counter: RevenueCounter) => `(${values[counter] ?? '0'})::numeric`;
  if (asOf === undefined) {
    return { columns: counters.map((counter) => [revenueColumn(counter), now(counter)]), join: '' };
  }
  return {
    columns: counters.map((counter) => {
      const column = revenueColumn(counter);
      return [column, `${now(counter)} - coalesce(later.${column}, 0)`];
    }),
    join: laterSums(
      counters.map(
        (counter) =>
          `sum((c.revenue -> f.currency_code ->> ${revenueCounters.indexOf(counter)})::numeric) as ${revenueColumn(counter)}`,
      ),
      `c.day > ${parameters.of(asOf, 'integer')}`,
    ),
  };
}

/** The same of conversations. Each counts where it begins as is known now, also as of an earlier day. */
export function conversationValuesAsOf(parameters: StatementParameters, asOf: AsOf): FactValues {
  if (asOf === undefined) {
    return {
      columns: conversationCounters.map((counter) => [columnOf(counter), ofConversation[counter]]),
      join: '',
    };
  }
  const day = parameters.of(asOf, 'integer');
  // What is due when the day is over has not passed yet.
  const dueAt = `least(f.due_at, ((date '1970-01-01' + ${day} + 1)::timestamp at time zone 'UTC'))`;
  const then = (counter: ConversationCounter) => ofConversation[counter].replaceAll('f.due_at', dueAt);
  return {
    columns: conversationCounters.map((counter) => {
      const column = columnOf(counter);
      return [column, `${then(counter)} + coalesce(later.${column}, 0)`];
    }),
    // What it added on each day beside what it would have added if it had always been as it is.
    join: laterSums(
      conversationCounters.map(
        (counter) => `sum((c.state ->> '${counter}')::bigint) as ${columnOf(counter)}`,
      ),
      `c.day <= ${day}`,
    ),
  };
}

/** See `projection/history.ts` and `projection/conversation-history.ts` for what is kept there. */
function laterSums(columns: readonly string[], condition: string): string {
  return `
     cross join lateral (
       select ${columns.join(', ')}
         from jsonb_to_recordset(f.later::jsonb) as c (day integer, state jsonb, revenue jsonb)
        where ${condition}
     ) as later`;
}

/** The response times that were added to, less those taken from, an interaction f after a day: their bins, to be taken back. */
export function laterBins(
  parameters: StatementParameters,
  asOf: number,
): FactValues & { readonly by: FactValues['columns']; readonly condition: string } {
  return {
    by: [['bin', 'b.bin::integer']],
    columns: [['count', '-b.count::integer']],
    join: `
     cross join lateral jsonb_to_recordset(f.later::jsonb) as c (day integer, bins jsonb)
     cross join lateral jsonb_each_text(c.bins) as b (bin, count)`,
    condition: `c.day > ${parameters.of(asOf, 'integer')}`,
  };
}
