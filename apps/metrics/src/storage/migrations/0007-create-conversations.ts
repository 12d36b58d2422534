import { defineMigration, tenantPolicy } from '@parley/database';

const counters = [
  'conversation_count',
  'turn_count',
  'first_fallback_count',
  'later_fallback_count',
  'open_count',
  'ended_count',
  'duration_sum_ms',
  'engaged_count',
  'contained_count',
  'handoff_count',
  'any_handoff_count',
  'bounced_count',
  'confirmed_count',
  'abandoned_count',
  'deflected_count',
  'bot_handled_count',
  'rated_count',
  'ended72h_count',
  'bot_handled72h_count',
  'ended24h_count',
  'returned24h_count',
  'deflected_no_return24h_count',
  'settled24h_count',
  'engaged24h_count',
  'contained_no_return24h_count',
  'assumed_count',
  'engaged7d_count',
  'contained_no_return7d_count',
  'durable_count',
  'resolved7d_count',
  'first_contact_count',
];

/** Conversations, their sums, and what they are told by. */
export const createConversations = defineMigration('0007-create-conversations', [
  `alter table kpi_rollups
     add column fallback_count bigint not null default 0,
     add column unthreaded_count bigint not null default 0,
     add column late_response_count bigint not null default 0`,

  // Which intents an interaction had since which days, as JSON, where that changed on a later day than it came.
  'alter table interaction_facts add column intents text',
  `create index interaction_facts_by_conversation
     on interaction_facts (partition, conversation_id, tenant_id, generation) where conversation_id <> ''`,

  // The conversation that was rated or handed over, where it was named itself.
  'alter table feedback_facts add column thread_key uuid',
  `create index feedback_facts_by_thread
     on feedback_facts (partition, thread_key, tenant_id, generation) where thread_key is not null`,
  `create table handoff_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     handoff_key uuid not null,
     -- Null: its conversation is named.
     interaction_key uuid,
     thread_key uuid,
     -- The day on which it was received, in days since 1970.
     known_on integer not null,
     primary key (partition, handoff_key, tenant_id, generation),
     check ((interaction_key is null) <> (thread_key is null))
   )`,
  ...tenantPolicy('handoff_facts'),
  `create index handoff_facts_by_interaction
     on handoff_facts (partition, interaction_key, tenant_id, generation) where interaction_key is not null`,
  `create index handoff_facts_by_thread
     on handoff_facts (partition, thread_key, tenant_id, generation) where thread_key is not null`,

  // One row for each conversation; no two of a thread overlap. A row that changes is written anew: everything about it
  // that is sought changes with every interaction.
  `create table conversation_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     thread_key uuid not null,
     -- Empty: sessions, which pauses tell apart.
     conversation_id text collate "C" not null,
     started_at timestamptz not null,
     first_key uuid not null,
     -- Of the first interaction.
     bot_id text collate "C" not null check (bot_id <> ''),
     group_id text collate "C" not null,
     channel text not null,
     intent text collate "C" not null,
     member_ordinal integer,
     -- Everybody in it, as JSON. Null: nobody but who began it.
     members text,
     last_at timestamptz not null,
     last_key uuid not null,
     ends_with_fallback boolean not null,
     ends_at timestamptz not null,
     interaction_count integer not null check (interaction_count > 0),
     fallback_count integer not null,
     asked_count integer not null,
     handoff_count integer not null,
     converted_count integer not null,
     visited_count integer not null,
     rated_count integer not null,
     -- When the member began another one after the last interaction, within 7 days.
     next_at timestamptz,
     next_same_at timestamptz,
     -- When time alone changes it next. Null: never again.
     due_at timestamptz,
     known_on integer not null,
     later text,
     primary key (partition, thread_key, tenant_id, generation, started_at)
   )`,
  ...tenantPolicy('conversation_facts'),
  `create index conversation_facts_by_time
     on conversation_facts (partition, tenant_id, generation, started_at) where bot_id <> ''`,
  `create index conversation_facts_by_group
     on conversation_facts (partition, group_id, tenant_id, generation, started_at)`,
  // Both are of all members. Each has a condition of its own, which says nothing, so that a statement that asks by one time
  // can't go by the other: it would look at everything that a member ever said.
  `create index conversation_facts_by_start
     on conversation_facts (partition, member_ordinal, tenant_id, generation, started_at)
     where member_ordinal >= 0`,
  `create index conversation_facts_by_last
     on conversation_facts (partition, member_ordinal, tenant_id, generation, last_at)
     where last_at >= started_at`,
  `create index conversation_facts_by_due
     on conversation_facts (partition, generation, due_at) where due_at is not null`,
  `create index conversation_facts_shared
     on conversation_facts (partition, tenant_id, generation) where members is not null`,
  'alter table conversation_facts alter column conversation_id set statistics 0',

  // The same cells as those of kpi_rollups, by the time of the first interaction.
  `create table conversation_rollups (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     cube smallint not null check (cube in (0, 1)),
     level smallint not null check (level between 0 and 2),
     bucket_start timestamptz not null,
     bot_id text collate "C" not null check ((cube = 0) = (bot_id = '')),
     known_on date not null,
     ${counters.map((counter) => `${counter} bigint not null`).join(',\n     ')},
     primary key (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on)
   ) with (fillfactor = 70)`,
  ...tenantPolicy('conversation_rollups'),

  // Up to when time has passed for the conversations of a generation.
  `create table conversation_clocks (
     partition integer not null check (partition >= 0),
     generation integer not null,
     passed_to timestamptz not null,
     primary key (partition, generation)
   )`,

  // Nothing of it is ever changed: what is counted stays, whatever is said later.
  `create table conversation_settings (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     -- Empty: all bots that have none of their own.
     bot_id text collate "C" not null,
     effective_from timestamptz not null,
     inactivity_gap_ms integer not null check (inactivity_gap_ms between 60000 and 86400000),
     handoff_intents text[] not null,
     primary key (partition, tenant_id, bot_id, effective_from)
   )`,
  ...tenantPolicy('conversation_settings'),
]);
