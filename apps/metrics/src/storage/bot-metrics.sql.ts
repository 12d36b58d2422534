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
