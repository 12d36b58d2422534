import type { BotMetricFact } from '../projection/bot-metric-fact.ts';
import type { RowScope } from './fact-store.ts';

/** Leans on the primary key of bot_metric_facts. */
const saveSql = {
  name: 'save-bot-metrics',
  text: `
    insert into bot_metric_facts
      (partition, tenant_id, generation, event_key, bot_id, category, type, value, period, sample_size, occurred_at,
       known_on)
    select $1, told.tenant_id, $2, told.event_key, told.bot_id, told.category, told.type, told.value, told.period,
           told.sample_size, told.occurred_at, told.known_on
      from unnest($3::uuid[], $4::uuid[], $5::text[], $6::smallint[], $7::text[], $8::double precision[],
                  $9::smallint[], $10::bigint[], $11::timestamptz[], $12::integer[])
        as told (tenant_id, event_key, bot_id, category, type, value, period, sample_size, occurred_at, known_on)
    on conflict do nothing`,
};

/** Keeps what others measured; one that is there already stays as it is. */
export async function saveBotMetrics(
  { tx, partition, generation }: RowScope,
  facts: readonly BotMetricFact[],
): Promise<void> {
  if (facts.length === 0) return;
  await tx.query(saveSql, [
    partition,
    generation,
    facts.map(({ tenantId }) => tenantId),
    facts.map(({ eventKey }) => eventKey),
    facts.map(({ botId }) => botId),
    facts.map(({ category }) => category),
    facts.map(({ type }) => type),
    facts.map(({ value }) => value),
    facts.map(({ period }) => period),
    facts.map(({ sampleSize }) => sampleSize),
    facts.map(({ occurredAt }) => occurredAt),
    facts.map(({ knownOn }) => knownOn),
  ]);
}
