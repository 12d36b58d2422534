import { defineMigration, tenantPolicy } from '@parley/database';

/** Who was given texts of messages: one row for each answer, never a text. The worker adds; tenants only read. */
export const auditTextReads = defineMigration('0012-audit-text-reads', [
  `create table text_reads (
     partition int not null,
     tenant_id uuid not null,
     read_id uuid not null,
     read_at timestamptz not null,
     -- 'operator' where the operator read.
     key_id text not null check (key_id <> ''),
     method text not null check (method <> ''),
     row_count bigint not null check (row_count > 0),
     request jsonb not null,
     primary key (partition, tenant_id, read_id)
   )`,
  ...tenantPolicy('text_reads'),
  'create index text_reads_by_time on text_reads (partition, tenant_id, read_at desc, read_id desc)',
  'revoke insert, update, delete on text_reads from ingestion_app',
]);
