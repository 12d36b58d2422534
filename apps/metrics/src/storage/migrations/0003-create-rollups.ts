import { defineMigration, tenantPolicy } from '@parley/database';

const cell = `
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     -- 0 all bots, 1 one bot.
     cube smallint not null check (cube in (0, 1)),
     -- 0 quarter hour, 1 hour, 2 day; all of UTC.
     level smallint not null check (level between 0 and 2),
     bucket_start timestamptz not null,
     -- Empty in the cube of all bots.
     bot_id text collate "C" not null check ((cube = 0) = (bot_id = '')),
     -- The UTC day on which the events that brought this were received.
     known_on date not null,`;

/**
 * Counts and sums by bucket of the time of occurrence and day of knowledge. Every sum is signed: what is learned later
 * takes back under its own day what was counted before. A rate or a mean is never stored.
 */
export const createRollups = defineMigration('0003-create-rollups', [
  // The buckets of now are written again and again: room on the page keeps those updates out of the index.
  `create table kpi_rollups (${cell}
     interaction_count bigint not null,
     escalated_count bigint not null,
     incomplete_count bigint not null,
     without_response_count bigint not null,
     response_time_count bigint not null,
     response_time_sum_ms bigint not null,
     latency_count bigint not null,
     error_count bigint not null,
     positive_count bigint not null,
     neutral_count bigint not null,
     negative_count bigint not null,
     purchased_count bigint not null,
     visited_count bigint not null,
     did_nothing_count bigint not null,
     resolved_count bigint not null,
     csat_count bigint not null,
     csat_sum_micros bigint not null,
     csat_rating_count bigint not null,
     csat_top2_count bigint not null,
     primary key (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on)
   ) with (fillfactor = 70)`,
  ...tenantPolicy('kpi_rollups'),

  // A Roaring bitmap (portable format, run-optimized) of the ordinals of the members who had an interaction.
  `create table member_sets (${cell}
     members bytea not null,
     primary key (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on),
     check (level > 0)
   ) with (fillfactor = 70)`,
  // The bitmap is compressed as far as it can be.
  `alter table member_sets alter column members set storage external`,
  ...tenantPolicy('member_sets'),
]);
