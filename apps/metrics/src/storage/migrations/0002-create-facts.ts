import { defineMigration, tenantPolicy } from '@parley/database';

/**
 * One row for everything that counts, with what it counts as, so that a later event can take the old contribution out
 * and put the new one in. Also what answers a question about a group, or about less than a quarter of an hour.
 *
 * Until the first ANALYZE the planner takes partition, tenant and generation alone for as good as a whole key. So every
 * index but that by time has its own column right after the partition, and that by time is of the rows that have a bot,
 * for which only questions about time alone ask: each statement is left with one index that it can use well.
 */
export const createFacts = defineMigration('0002-create-facts', [
  // A completion that comes after its interaction changes no indexed column; room on the page keeps that update there.
  `create table interaction_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     interaction_key uuid not null,
     -- Null: only its completion or enrichment has come so far; it counts nowhere yet.
     occurred_at timestamptz,
     bot_id text collate "C" not null,
     group_id text collate "C" not null,
     conversation_id text collate "C" not null,
     channel text not null,
     -- Null: anonymous.
     member_ordinal integer,
     intent text not null,
     -- 0 not known, 1 positive, 2 neutral, 3 negative.
     sentiment smallint not null check (sentiment between 0 and 3),
     -- Whether the producer said it; then no model changes it.
     intent_given boolean not null,
     sentiment_given boolean not null,
     has_response boolean not null,
     response_time_ms integer check (response_time_ms >= 0),
     has_error boolean not null,
     -- The first completion stays.
     completed boolean not null,
     primary key (partition, interaction_key, tenant_id, generation),
     check (occurred_at is null or bot_id <> '')
   ) with (fillfactor = 85)`,
  ...tenantPolicy('interaction_facts'),
  `create index interaction_facts_by_time
     on interaction_facts (partition, tenant_id, generation, occurred_at) where bot_id <> ''`,
  `create index interaction_facts_by_group
     on interaction_facts (partition, group_id, tenant_id, generation, occurred_at)`,

  `create table conversion_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     conversion_key uuid not null,
     interaction_key uuid not null,
     occurred_at timestamptz not null,
     -- What the conversion itself said; empty: nothing.
     own_bot_id text not null,
     own_group_id text not null,
     own_intent text not null,
     -- What counts: its own, else its interaction's, else 'unknown' until that comes.
     bot_id text collate "C" not null check (bot_id <> ''),
     group_id text collate "C" not null,
     intent text not null,
     -- 1 purchased, 2 visited, 3 did nothing, 4 resolved.
     outcome smallint not null check (outcome between 1 and 4),
     value_minor_units bigint not null,
     -- Empty: no value was given.
     currency_code text not null,
     primary key (partition, conversion_key, tenant_id, generation)
   )`,
  ...tenantPolicy('conversion_facts'),
  `create index conversion_facts_by_interaction
     on conversion_facts (partition, interaction_key, tenant_id, generation)`,
  `create index conversion_facts_by_time
     on conversion_facts (partition, tenant_id, generation, occurred_at) where bot_id <> ''`,
  `create index conversion_facts_by_group
     on conversion_facts (partition, group_id, tenant_id, generation, occurred_at)`,

  `create table feedback_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     feedback_key uuid not null,
     -- Null: about no interaction in particular.
     interaction_key uuid,
     occurred_at timestamptz not null,
     own_bot_id text not null,
     own_group_id text not null,
     bot_id text collate "C" not null check (bot_id <> ''),
     group_id text collate "C" not null,
     -- 1 csat, 2 nps, 3 ces, 4 thumbs.
     type smallint not null check (type between 1 and 4),
     -- In millionths of a point. Null: asked and not answered.
     rating_micros integer,
     scale_max_micros integer not null,
     primary key (partition, feedback_key, tenant_id, generation)
   )`,
  ...tenantPolicy('feedback_facts'),
  `create index feedback_facts_by_interaction
     on feedback_facts (partition, interaction_key, tenant_id, generation)`,
  `create index feedback_facts_by_time
     on feedback_facts (partition, tenant_id, generation, occurred_at) where bot_id <> ''`,
  `create index feedback_facts_by_group
     on feedback_facts (partition, group_id, tenant_id, generation, occurred_at)`,

  // The record of a member that occurred last, by key where two occurred at once.
  `create table member_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     member_ordinal integer not null,
     -- Empty: which user it is is not known.
     user_id text collate "C" not null,
     occurred_at timestamptz not null,
     event_key uuid not null,
     primary key (partition, tenant_id, generation, member_ordinal)
   )`,
  ...tenantPolicy('member_facts'),

  `create table user_facts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     user_id text collate "C" not null check (user_id <> ''),
     -- Of the earliest record.
     first_occurred_at timestamptz not null,
     primary key (partition, tenant_id, generation, user_id)
   )`,
  ...tenantPolicy('user_facts'),
  `create index user_facts_by_time
     on user_facts (partition, tenant_id, generation, first_occurred_at)`,
]);
