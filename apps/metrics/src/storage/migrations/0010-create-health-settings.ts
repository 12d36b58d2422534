import { defineMigration, tenantPolicy } from '@parley/database';

/** By what bots are judged. What is null is said by the settings of all bots, else by the defaults. */
export const createHealthSettings = defineMigration('0010-create-health-settings', [
  `create table health_settings (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     -- Empty: all bots.
     bot_id text collate "C" not null,
     success_target double precision check (success_target > 0.5 and success_target < 1),
     latency_target double precision check (latency_target > 0.5 and latency_target < 1),
     latency_threshold_ms integer check (latency_threshold_ms between 1 and 3600000),
     min_sample_size integer check (min_sample_size between 1 and 1000000),
     primary key (partition, tenant_id, bot_id),
     check (num_nonnulls(success_target, latency_target, latency_threshold_ms, min_sample_size) > 0)
   )`,
  ...tenantPolicy('health_settings'),
]);
