import type { Range } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import type { Amounts } from '../projection/amounts.ts';
import type { Contribution } from '../projection/bucket-sums.ts';
import { conversionPart, feedbackPart, interactionPart, refundPart } from '../projection/contributions.ts';
import { datedContributions } from '../projection/history.ts';
import type { History } from '../projection/history.ts';
import { conversionMapping, feedbackMapping, interactionMapping, refundMapping } from './fact-mappings.ts';
import type { FactMapping } from './fact-store.ts';
import type { ReadScope } from './kpi-state.sql.ts';

/** A stretch of time, of one of several windows. */
export interface Stretch extends Range {
  /** The window's place among those that were asked for. */
  readonly position: number;
}

/** What a fact added to a window by the end of a day. */
export interface AmountsAsOf extends Amounts {
  readonly position: number;
  /** Whose it was then. */
  readonly botId: string;
}

/** Facts that are told apart by what is asked of them. */
const kinds = {
  interaction: kind(interactionMapping, interactionPart),
  conversion: kind(conversionMapping, conversionPart),
  refund: kind(refundMapping, refundPart),
  feedback: kind(feedbackMapping, feedbackPart),
};

/**
 * What the facts of some stretches added by the end of a UTC day, by their histories: one that came later is not there, and
 * what was changed later is as it was. Leans on the …_by_time indexes of facts; stretches are to be short.
 * @param asOf in days since 1970.
 */
export async function factsAsOf(
  tx: Transaction,
  scope: Pick<ReadScope, 'partition' | 'tenantId' | 'generation' | 'botId'>,
  asked: readonly (keyof typeof kinds)[],
  stretches: readonly Stretch[],
  asOf: number,
): Promise<readonly AmountsAsOf[]> {
  if (stretches.length === 0) return [];
  const found: AmountsAsOf[] = [];
  for (const name of asked) {
    for (const { position, knownOn, botId, ...amounts } of await kinds[name](tx, scope, stretches)) {
      if (knownOn <= asOf && (scope.botId === '' || scope.botId === botId)) {
        found.push({ position, botId, ...amounts });
      }
    }
  }
  return found;
}

type Read = (
  tx: Transaction,
  scope: Pick<ReadScope, 'partition' | 'tenantId' | 'generation'>,
  stretches: readonly Stretch[],
) => Promise<readonly (AmountsAsOf & { readonly knownOn: number })[]>;

function kind<Fact extends History>(
  mapping: FactMapping<Fact>,
  partOf: (fact: Fact) => Contribution | undefined,
): Read {
  const text = factsOfStretchesSql(mapping);
  return async (tx, { partition, tenantId, generation }, stretches) => {
    const { rows } = await tx.query<Fact & { readonly position: number }>(text, [
      partition,
      tenantId,
      generation,
      stretches.map(({ position }) => position),
      stretches.map(({ start }) => start),
      stretches.map(({ end }) => end),
    ]);
    return rows.flatMap((fact) => {
      const part = partOf(fact);
      if (part === undefined) return [];
      return datedContributions(fact, part, 0).map((dated) => ({ ...dated, position: fact.position }));
    });
  };
}

/** The facts of some stretches, whole. Parameters: partition, tenant, generation, positions, starts, ends. */
export function factsOfStretchesSql<Fact>({ table, columns }: FactMapping<Fact>): string {
  return `
    select stretch.position, ${columns.map(([name, , property]) => `f.${name} as "${property}"`).join(', ')}
      from unnest((select $4::integer[]), (select $5::timestamptz[]), (select $6::timestamptz[]))
             as stretch (position, starts_at, ends_at)
     cross join lateral (
       select * from ${table} f
        where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.bot_id <> ''
          and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at
       offset 0
     ) as f`;
}
