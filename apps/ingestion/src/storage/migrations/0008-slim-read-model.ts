import { defineMigration } from '@parley/database';

const filters = ['bot_id', 'group_id', 'member_id', 'conversation_id', 'intent'];
// As in 0006: only who lists says so, which keeps the planner from looking up keys by these indexes.
const listed = 'log_offset > 0';

/**
 * What a fold writes for each interaction, cut: the indexes of lists begin with the tenant alone, which is all that a
 * list needs, and compare text by bytes; a member's last activity is read from the newest interaction instead of being
 * written with each.
 */
export const slimReadModel = defineMigration('0008-slim-read-model', [
  'drop index interaction_rows_by_time',
  `create index interaction_rows_by_time on interaction_rows (tenant_id, occurred_at desc) where ${listed}`,
  ...filters.flatMap((column) => [
    `drop index interaction_rows_by_${column}`,
    `create index interaction_rows_by_${column}
       on interaction_rows (tenant_id, ${column} collate "C", occurred_at desc)
       where ${listed} and ${column} is not null`,
  ]),
  'drop view members',
  'alter table member_rows drop column last_activity_at',
  `create view members with (security_invoker = true) as
    select m.member_id as id, m.tenant_id, m.user_id, m.group_id, coalesce(m.segments, '[]') as segments,
           i.last_activity, m.recorded_at as "timestamp", m.record_received_at as created_at,
           m.attributes, m.partition
      from member_rows m
      left join lateral (
        select i.occurred_at as last_activity
          from interaction_rows i
         where i.tenant_id = m.tenant_id and i.member_id collate "C" = m.member_id and i.log_offset > 0
           and i.partition = m.partition and i.generation = m.generation
         order by i.occurred_at desc
         limit 1
      ) i on true
     where m.generation = (select g.generation from projection_generations g
                            where g.projection = 'ingestion.read-model' and g.state = 'active')`,
  'revoke insert, update, delete on members from ingestion_app, ingestion_worker',
]);
