import { defineMigration, tenantPolicy } from '@parley/database';

/**
 * The log and the heads of its partitions. Months are made by `ensureMonths`; what no month covers goes to the default
 * partition, from where `ensureMonths` takes it.
 */
export const createEventLog = defineMigration('0001-create-event-log', [
  `create table partition_heads (
     partition int primary key check (partition >= 0),
     head_offset bigint not null default 0,
     -- Events up to here may have been dropped with their month; above, a gap is a loss.
     low_water_offset bigint not null default 0 check (low_water_offset between 0 and head_offset),
     last_received_at timestamptz not null default '-infinity'
   )`,
  `insert into partition_heads (partition) select generate_series(0, 7)`,
  `create table events (
     log_offset bigint not null check (log_offset > 0),
     -- Of the bytes that came; null once the body is erased.
     fingerprint bigint,
     occurred_at timestamptz not null,
     received_at timestamptz not null,
     tenant_id uuid not null,
     event_key uuid not null,
     partition int not null,
     kind smallint not null check (kind > 0),
     -- Null once erased or expired; the row stays, so that offsets stay dense and a late repeat is still known.
     body bytea
   ) partition by range (received_at)`,
  ...tenantPolicy('events'),
  `create table events_default partition of events default`,
  // As every month has them, see `ensureMonths`.
  `create unique index events_default_offset on events_default (partition, log_offset) where log_offset > 0`,
  `create unique index events_default_key on events_default (partition, tenant_id, kind, event_key)`,
  `revoke all on events_default from ingestion_app, ingestion_worker`,
  // Nobody changes what happened: rows come by the appending role alone; the worker may empty them (erasure, expiry).
  `revoke insert, update, delete on events, partition_heads from ingestion_app, ingestion_worker`,
  `grant update (fingerprint, body) on events to ingestion_worker`,
  `grant select, insert on events to ingestion_append`,
  `grant select, update (head_offset, last_received_at) on partition_heads to ingestion_append`,
]);
