import { defineMigration, tenantPolicy } from '@parley/database';

/**
 * What a model read of an interaction. Its row holds the intent and sentiment that count, so that lists find them by
 * index, and whether the producer said them, in which case nothing changes them. An enrichment may come before its
 * interaction where that was parked, so it is kept beside it.
 */
export const keepUnderstandings = defineMigration('0011-keep-understandings', [
  `alter table interaction_rows
     add column intent_given boolean not null default true,
     add column sentiment_given boolean not null default true,
     add column understanding jsonb`,
  `create table enrichment_rows (
     partition int not null,
     generation int not null,
     tenant_id uuid not null,
     -- Of the interaction.
     event_key uuid not null,
     -- Of the last enrichment.
     log_offset bigint not null,
     -- The contract's names; only what was read.
     reading jsonb not null,
     primary key (partition, event_key, tenant_id, generation)
   )`,
  ...tenantPolicy('enrichment_rows'),
  `create or replace view interactions with (security_invoker = true) as
    select i.interaction_id as id, i.tenant_id, i.occurred_at as "timestamp", i.received_at as created_at, i.sent_at,
           i.group_id, i.member_id, i.bot_id, i.conversation_id, i.channel, i.message_text,
           i.intent, i.intent_score, i.sentiment,
           exists (select from conversion_rows v
                    where v.partition = i.partition and v.generation = i.generation and v.tenant_id = i.tenant_id
                      and v.interaction_key = i.event_key and v.value_minor_units > 0) as monetization_event,
           coalesce(c.response_text, i.response_text) as response_text,
           coalesce(c.response_time_ms, i.response_time_ms) as response_time_ms,
           coalesce(c.error_code, i.error_code) as error_code,
           c.received_at as completed_at, i.attributes, c.attributes as completion_attributes,
           i.partition, i.log_offset, i.intent_given, i.sentiment_given, i.understanding
      from interaction_rows i
      left join completion_rows c
        on c.partition = i.partition and c.generation = i.generation and c.tenant_id = i.tenant_id
       and c.event_key = i.event_key
     where i.generation = (select g.generation from projection_generations g
                            where g.projection = 'ingestion.read-model' and g.state = 'active')`,
]);
