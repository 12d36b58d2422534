import { defineMigration, tenantPolicy } from '@parley/database';

const facts = ['interaction_facts', 'conversion_facts', 'feedback_facts'];

/** By which days facts came to count as they do, for those that are erased; and what erasures took away. */
export const keepHistories = defineMigration('0005-keep-histories', [
  ...facts.map(
    (table) => `alter table ${table}
       -- The day on which it was first counted, in days since 1970.
       add column known_on integer,
       -- What was changed on other days, as JSON.
       add column later text`,
  ),
  `create table erased_counts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     receipt_id uuid not null,
     part integer not null,
     place text not null,
     row_count bigint not null,
     primary key (partition, tenant_id, receipt_id, part, place)
   )`,
  ...tenantPolicy('erased_counts'),
  // Samples of these would stand in the planner's statistics, from where no erasure reaches them.
  'alter table member_ordinals alter column member_id set statistics 0',
  'alter table member_facts alter column user_id set statistics 0',
  'alter table user_facts alter column user_id set statistics 0',
  'alter table interaction_facts alter column conversation_id set statistics 0',
]);
