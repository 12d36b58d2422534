import { defineMigration, tenantPolicy } from '@parley/database';

/** How long each tenant keeps what, how far that has been carried out, and what the runs removed. */
export const createRetention = defineMigration('0017-create-retention', [
  `create table retention_rules (
     partition int not null,
     tenant_id uuid not null,
     data_class text not null check (data_class in ('content', 'quarantine')),
     -- Null is without limit; the row stays for its progress.
     days int check (days between 30 and 36500),
     -- The log up to here holds no texts of the tenant any more; used by 'content' alone.
     through_offset bigint not null default 0,
     primary key (partition, tenant_id, data_class)
   )`,
  ...tenantPolicy('retention_rules'),
  `create table retention_runs (
     partition int not null,
     tenant_id uuid not null,
     run_id uuid not null,
     started_at timestamptz not null,
     completed_at timestamptz,
     -- Null where the class had no limit when the run began.
     content_before timestamptz,
     content_count bigint not null default 0,
     quarantine_before timestamptz,
     quarantine_count bigint not null default 0,
     primary key (partition, tenant_id, run_id)
   )`,
  ...tenantPolicy('retention_runs'),
  'create index retention_runs_by_time on retention_runs (partition, tenant_id, started_at desc, run_id desc)',
  // A run that was cut short is found by this and gone on with; a tenant has one at a time.
  'create unique index retention_runs_open on retention_runs (partition, tenant_id) where completed_at is null',
  'revoke insert, update, delete on retention_runs from ingestion_app',
]);
