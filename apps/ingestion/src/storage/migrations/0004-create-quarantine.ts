import { defineMigration, tenantPolicy } from '@parley/database';

/** What could not be accepted, kept until it is replayed or discarded. */
export const createQuarantine = defineMigration('0004-create-quarantine', [
  `create table quarantined_events (
     partition int not null,
     tenant_id uuid not null,
     quarantine_id uuid not null,
     received_at timestamptz not null,
     event_id text not null,
     kind smallint,
     reason text not null,
     message text not null,
     field_violations jsonb not null,
     body bytea not null check (length(body) <= 1048576),
     content_hash uuid not null,
     primary key (partition, tenant_id, quarantine_id),
     -- A producer that repeats a bad event fills one row, not one a time.
     unique (partition, tenant_id, reason, content_hash)
   )`,
  ...tenantPolicy('quarantined_events'),
  `create index quarantined_events_by_time
     on quarantined_events (partition, tenant_id, received_at desc, quarantine_id desc)`,
]);
