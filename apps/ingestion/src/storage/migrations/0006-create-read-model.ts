import { defineMigration, tenantPolicy } from '@parley/database';

/** Whom, where and which: the same columns at the head of every table, one row for each event. */
const ofAnEvent = `
     partition int not null,
     generation int not null,
     tenant_id uuid not null,
     event_key uuid not null,
     log_offset bigint not null,
     occurred_at timestamptz not null,
     sent_at timestamptz,
     received_at timestamptz not null`;
// The event's key stands early, so that nothing else is ever looked up by a part of this index.
const keyOfAnEvent = 'primary key (partition, event_key, tenant_id, generation)';
/** Sums are kept exact; the digits say where the point is. */
const money = (nullable: boolean) => {
  const constraint = nullable ? '' : ' not null';
  return `
     value_minor_units bigint${constraint},
     currency_code text${constraint},
     minor_digits smallint${constraint}`;
};

const tables = {
  // Collated by bytes, since pages continue after an id.
  interaction_rows: `${ofAnEvent},
     interaction_id text collate "C" not null,
     bot_id text not null,
     group_id text,
     member_id text,
     conversation_id text,
     channel text,
     message_text text,
     intent text,
     intent_score float8,
     sentiment text check (sentiment in ('positive', 'neutral', 'negative')),
     response_text text,
     response_time_ms int,
     error_code text,
     attributes jsonb,
     ${keyOfAnEvent}`,
  // Its key is its interaction's, so an interaction has at most one.
  completion_rows: `${ofAnEvent},
     interaction_id text not null,
     response_text text,
     response_time_ms int,
     error_code text,
     attributes jsonb,
     ${keyOfAnEvent}`,
  conversion_rows: `${ofAnEvent},
     conversion_id text not null,
     interaction_id text not null,
     interaction_key uuid not null,
     bot_id text,
     group_id text,
     member_id text,
     intent text,
     trigger_message text,
     intent_score float8,
     bot_message text,
     outcome text not null check (outcome in ('purchased', 'visited', 'did_nothing', 'resolved')),
     conversion_type text,${money(true)},
     checkout_completed boolean not null,
     pages_visited jsonb not null,
     time_to_conversion_seconds float8,
     attributes jsonb,
     ${keyOfAnEvent}`,
  refund_rows: `${ofAnEvent},
     refund_id text not null,
     conversion_id text not null,
     conversion_key uuid not null,${money(false)},
     reason text,
     attributes jsonb,
     ${keyOfAnEvent}`,
  feedback_rows: `${ofAnEvent},
     feedback_id text not null,
     type text not null check (type in ('csat', 'nps', 'ces', 'thumbs')),
     rating float8,
     scale_min float8 not null,
     scale_max float8 not null,
     interaction_id text,
     conversation_id text,
     bot_id text,
     group_id text,
     member_id text,
     comment text,
     attributes jsonb,
     ${keyOfAnEvent}`,
  handoff_rows: `${ofAnEvent},
     handoff_id text not null,
     interaction_id text,
     conversation_id text,
     bot_id text,
     group_id text,
     member_id text,
     reason text,
     actor text check (actor in ('member', 'bot', 'human')),
     attributes jsonb,
     ${keyOfAnEvent}`,
  bot_performance_metric_rows: `${ofAnEvent},
     metric_id text not null,
     bot_id text not null,
     metric_category text not null,
     metric_type text not null,
     metric_value float8 not null,
     aggregation_period text not null check (aggregation_period in ('hourly', 'daily', 'weekly', 'monthly')),
     sample_size bigint not null,
     attributes jsonb,
     ${keyOfAnEvent}`,
  // One row for each member that was recorded, or that was seen in an interaction; what was recorded last wins.
  member_rows: `
     partition int not null,
     generation int not null,
     tenant_id uuid not null,
     member_id text not null,
     last_activity_at timestamptz,
     record_key uuid,
     recorded_at timestamptz,
     record_received_at timestamptz,
     user_id text,
     group_id text,
     segments jsonb,
     attributes jsonb,
     primary key (partition, generation, tenant_id, member_id)`,
  user_rows: `
     partition int not null,
     generation int not null,
     tenant_id uuid not null,
     user_id text not null,
     record_key uuid not null,
     recorded_at timestamptz not null,
     record_received_at timestamptz not null,
     attributes jsonb,
     primary key (partition, generation, tenant_id, user_id)`,
};

/**
 * An index for each filter by which interactions are listed; ties in time are sorted when read. Every row fulfils the
 * condition on the offset. It keeps the planner from looking up keys by these indexes, which it takes for as good as the
 * primary key while it has no statistics of a new generation: only who lists says so.
 */
const filters = ['bot_id', 'group_id', 'member_id', 'conversation_id', 'intent'];
const listed = 'log_offset > 0';

/** The tables of the read model: facts as they came, by generation. People read the views over them. */
export const createReadModel = defineMigration('0006-create-read-model', [
  ...Object.entries(tables).flatMap(([table, columns]) => [
    `create table ${table} (${columns}\n   )`,
    ...tenantPolicy(table),
    `revoke insert, update, delete on ${table} from ingestion_app`,
  ]),
  // Rewritten all the time: leave room for it on the page.
  'alter table member_rows set (fillfactor = 70)',
  `create index interaction_rows_by_time on interaction_rows (partition, generation, tenant_id, occurred_at desc)
     where ${listed}`,
  ...filters.map(
    (column) =>
      `create index interaction_rows_by_${column}
         on interaction_rows (partition, generation, tenant_id, ${column}, occurred_at desc)
         where ${listed} and ${column} is not null`,
  ),
  `create index conversion_rows_by_interaction on conversion_rows (partition, generation, tenant_id, interaction_key)
     where value_minor_units > 0`,
]);
