import { defineMigration, tenantPolicy } from '@parley/database';

/** Tenants and their keys. A tenant's row says in which partition of the log its events are; it never moves. */
export const createTenants = defineMigration('0003-create-tenants', [
  // The name alone is unique over all partitions: it is how the operator names a tenant, before anything else is known.
  `create table tenants (
     partition int not null,
     tenant_id uuid not null,
     name text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' and length(name) <= 63),
     time_zone text not null check (time_zone <> ''),
     currency_code text not null check (currency_code ~ '^[A-Z]{3}$'),
     created_at timestamptz not null,
     primary key (partition, tenant_id)
   )`,
  ...tenantPolicy('tenants'),
  `create table api_keys (
     partition int not null,
     tenant_id uuid not null,
     key_id text not null check (key_id <> ''),
     display_name text not null,
     secret_hash bytea not null check (length(secret_hash) = 32),
     scopes text[] not null check (scopes <@ array['ingest', 'read', 'experiment', 'admin'] and cardinality(scopes) > 0),
     created_at timestamptz not null,
     revoked_at timestamptz,
     last_used_at timestamptz,
     primary key (partition, tenant_id, key_id),
     foreign key (partition, tenant_id) references tenants
   )`,
  ...tenantPolicy('api_keys'),
  // A key comes without its tenant. Its id is random, so that no two keys share one.
  'create index api_keys_by_key_id on api_keys (key_id)',
]);
