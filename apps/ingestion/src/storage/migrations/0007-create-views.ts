import { defineMigration } from '@parley/database';

/** Only rows of the generation that answers. */
const isActive = (row: string) =>
  `${row}.generation = (select g.generation from projection_generations g
                         where g.projection = 'ingestion.read-model' and g.state = 'active')`;
const sameTenant = (left: string, right: string) =>
  ['partition', 'generation', 'tenant_id']
    .map((column) => `${left}.${column} = ${right}.${column}`)
    .join(' and ');
/** Whole units of the currency: 29.00 for 2900 of USD, 2900 for 2900 of JPY. */
const wholeUnits = (row: string) =>
  `round(${row}.value_minor_units / power(10::numeric, ${row}.minor_digits), ${row}.minor_digits)`;

const views = {
  // What the completion says comes before what the interaction itself said of the answer.
  interactions: `
    select i.interaction_id as id, i.tenant_id, i.occurred_at as "timestamp", i.received_at as created_at, i.sent_at,
           i.group_id, i.member_id, i.bot_id, i.conversation_id, i.channel, i.message_text,
           i.intent, i.intent_score, i.sentiment,
           exists (select from conversion_rows v
                    where ${sameTenant('v', 'i')} and v.interaction_key = i.event_key and v.value_minor_units > 0)
             as monetization_event,
           coalesce(c.response_text, i.response_text) as response_text,
           coalesce(c.response_time_ms, i.response_time_ms) as response_time_ms,
           coalesce(c.error_code, i.error_code) as error_code,
           c.received_at as completed_at, i.attributes, c.attributes as completion_attributes,
           i.partition, i.log_offset
      from interaction_rows i
      left join completion_rows c on ${sameTenant('c', 'i')} and c.event_key = i.event_key
     where ${isActive('i')}`,
  // Bot, group, member and intent are its own where given, else its interaction's.
  conversions: `
    select v.conversion_id as id, v.tenant_id, v.interaction_id, v.occurred_at as "timestamp", v.received_at as created_at,
           v.sent_at, v.trigger_message, v.intent_score, v.bot_message, v.outcome,
           coalesce(${wholeUnits('v')}, 0) as conversion_value, v.value_minor_units, v.currency_code,
           v.checkout_completed, v.pages_visited, v.time_to_conversion_seconds, v.conversion_type,
           coalesce(v.bot_id, i.bot_id) as bot_id, coalesce(v.group_id, i.group_id) as group_id,
           coalesce(v.member_id, i.member_id) as member_id, coalesce(v.intent, i.intent) as intent,
           v.attributes, v.partition, v.log_offset
      from conversion_rows v
      left join interaction_rows i on ${sameTenant('i', 'v')} and i.event_key = v.interaction_key
     where ${isActive('v')}`,
  refunds: `
    select r.refund_id as id, r.tenant_id, r.conversion_id, r.occurred_at as "timestamp", r.received_at as created_at,
           r.sent_at, ${wholeUnits('r')} as value, r.value_minor_units, r.currency_code, r.reason,
           r.attributes, r.partition, r.log_offset
      from refund_rows r
     where ${isActive('r')}`,
  // Exactly one for each conversion of a value above 0, and one, negative, for each refund above 0.
  monetization_events: `
    select v.conversion_id as id, v.tenant_id, v.interaction_id, v.conversion_id,
           v.occurred_at as "timestamp", v.received_at as created_at,
           ${wholeUnits('v')} as revenue_generated, v.value_minor_units as revenue_minor_units, v.currency_code,
           jsonb_build_object('conversion_type', coalesce(v.conversion_type, '')) as event_details,
           false as is_refund, v.partition, v.log_offset
      from conversion_rows v
     where ${isActive('v')} and v.value_minor_units > 0
     union all
    select r.refund_id, r.tenant_id, v.interaction_id, r.conversion_id, r.occurred_at, r.received_at,
           -${wholeUnits('r')}, -r.value_minor_units, r.currency_code,
           jsonb_build_object('conversion_type', coalesce(v.conversion_type, '')),
           true, r.partition, r.log_offset
      from refund_rows r
      left join conversion_rows v on ${sameTenant('v', 'r')} and v.event_key = r.conversion_key
     where ${isActive('r')} and r.value_minor_units > 0`,
  feedback: `
    select f.feedback_id as id, f.tenant_id, f.occurred_at as "timestamp", f.received_at as created_at, f.sent_at,
           f.type, f.rating, case when f.type = 'csat' then f.rating end as csat_rating, f.scale_min, f.scale_max,
           f.interaction_id, f.conversation_id, f.bot_id, f.group_id, f.member_id, f.comment,
           f.attributes, f.partition, f.log_offset
      from feedback_rows f
     where ${isActive('f')}`,
  handoffs: `
    select h.handoff_id as id, h.tenant_id, h.occurred_at as "timestamp", h.received_at as created_at, h.sent_at,
           h.interaction_id, h.conversation_id, h.bot_id, h.group_id, h.member_id, h.reason, h.actor,
           h.attributes, h.partition, h.log_offset
      from handoff_rows h
     where ${isActive('h')}`,
  bot_performance_metrics: `
    select m.metric_id as id, m.tenant_id, m.occurred_at as "timestamp", m.received_at as created_at, m.sent_at,
           m.bot_id, m.metric_category, m.metric_type, m.metric_value, m.aggregation_period, m.sample_size,
           m.attributes, m.partition, m.log_offset
      from bot_performance_metric_rows m
     where ${isActive('m')}`,
  members: `
    select m.member_id as id, m.tenant_id, m.user_id, m.group_id, coalesce(m.segments, '[]') as segments,
           m.last_activity_at as last_activity, m.recorded_at as "timestamp", m.record_received_at as created_at,
           m.attributes, m.partition
      from member_rows m
     where ${isActive('m')}`,
  users: `
    select u.user_id as id, u.tenant_id, u.recorded_at as "timestamp", u.record_received_at as created_at,
           u.attributes, u.partition
      from user_rows u
     where ${isActive('u')}`,
};

/** What people and reports read: the guide's models by the guide's names, the rows of the caller's tenant alone. */
export const createViews = defineMigration(
  '0007-create-views',
  Object.entries(views).flatMap(([view, select]) => [
    `create view ${view} with (security_invoker = true) as ${select}`,
    `revoke insert, update, delete on ${view} from ingestion_app, ingestion_worker`,
  ]),
);
