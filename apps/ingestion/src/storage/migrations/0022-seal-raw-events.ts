import { defineMigration, tenantPolicy } from '@parley/database';
import { projectionSealMigration } from '@parley/projection';

/** Raw events expire: up to where, who has passed it, and what is refused as too old from then on. */
export const sealRawEvents = defineMigration('0022-seal-raw-events', [
  'alter table retention_rules drop constraint retention_rules_data_class_check',
  `alter table retention_rules add constraint retention_rules_data_class_check
     check (data_class in ('content', 'quarantine', 'raw'))`,
  `alter table retention_runs add column raw_before timestamptz, add column raw_count bigint not null default 0`,
  `create table raw_seals (
     partition int not null,
     tenant_id uuid not null,
     -- The start of a UTC day. What was received more than a day before it expires.
     too_old_before timestamptz not null,
     -- The last event of the partition that was received more than a day before.
     through_offset bigint not null,
     -- Set anew each time, above those of all tenants.
     seal_number bigint not null,
     primary key (partition, tenant_id)
   )`,
  ...tenantPolicy('raw_seals'),
  'revoke insert, update, delete on raw_seals from ingestion_app, ingestion_worker',
  'grant select, insert, update on raw_seals to ingestion_append',
  // Whoever reads the log and has ever asked for the seals; it is waited for.
  `create table log_readers (
     reader text primary key check (reader <> ''),
     confirmed_seal bigint not null default 0
   )`,
  'revoke all on log_readers from ingestion_app',
  ...projectionSealMigration('ingestion'),
]);
