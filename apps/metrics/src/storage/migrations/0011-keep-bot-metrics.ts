import { defineMigration, tenantPolicy } from '@parley/database';

/** The guide's BotPerformanceMetrics as others measured them. */
export const keepBotMetrics = defineMigration('0011-keep-bot-metrics', [
  `create table bot_metric_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     event_key uuid not null,
     bot_id text collate "C" not null check (bot_id <> ''),
     -- 1 customer experience, 2 operational efficiency, 3 engagement, 4 monetization, 5 health.
     category smallint not null check (category between 1 and 5),
     type text collate "C" not null check (type <> ''),
     value double precision not null,
     -- 1 hourly, 2 daily, 3 weekly, 4 monthly.
     period smallint not null check (period between 1 and 4),
     sample_size bigint not null check (sample_size >= 0),
     -- The end of its period.
     occurred_at timestamptz not null,
     -- The day on which it was received, in days since 1970.
     known_on integer not null,
     primary key (partition, event_key, tenant_id, generation)
   )`,
  ...tenantPolicy('bot_metric_facts'),
  // In the order of their list.
  `create index bot_metric_facts_by_time
     on bot_metric_facts (partition, tenant_id, generation, occurred_at desc, period, bot_id, type, event_key)`,
  `create index bot_metric_facts_by_bot
     on bot_metric_facts (partition, bot_id, tenant_id, generation, type, occurred_at)`,
]);
