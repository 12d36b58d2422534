import { defineMigration } from '@parley/database';

/** Whether a bot answered although its text was not given, or is not kept. */
export const keepOmittedResponses = defineMigration('0024-keep-omitted-responses', [
  'alter table interaction_rows add column response_omitted boolean not null default false',
  'alter table completion_rows add column response_omitted boolean not null default false',
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
           i.partition, i.log_offset, i.intent_given, i.sentiment_given, i.understanding,
           coalesce(c.response_text, i.response_text) is null
             and (i.response_omitted or coalesce(c.response_omitted, false)) as response_omitted
      from interaction_rows i
      left join completion_rows c
        on c.partition = i.partition and c.generation = i.generation and c.tenant_id = i.tenant_id
       and c.event_key = i.event_key
     where i.generation = (select g.generation from projection_generations g
                            where g.projection = 'ingestion.read-model' and g.state = 'active')`,
]);
