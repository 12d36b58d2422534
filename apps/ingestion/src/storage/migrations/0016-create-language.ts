import { defineMigration, tenantPolicy } from '@parley/database';

/** How each tenant's texts are read: its settings, the intents that it has trained, and how far the log has been read. */
export const createLanguage = defineMigration('0016-create-language', [
  `create table language_settings (
     partition int not null,
     tenant_id uuid not null,
     -- 0 is the model that every tenant has.
     active_version int not null default 0 check (active_version >= 0),
     out_of_scope_threshold float8 check (out_of_scope_threshold between 0 and 1),
     endpoint_url text,
     -- Encrypted; null: none is sent.
     endpoint_token bytea,
     endpoint_timeout_ms int,
     endpoint_model_version text,
     primary key (partition, tenant_id)
   )`,
  ...tenantPolicy('language_settings'),
  `create table intent_models (
     partition int not null,
     tenant_id uuid not null,
     version int not null check (version > 0),
     trained_at timestamptz not null,
     example_count int not null,
     intents text[] not null,
     quality jsonb not null,
     content_hash text not null,
     model bytea not null,
     primary key (partition, tenant_id, version)
   )`,
  ...tenantPolicy('intent_models'),
  // Who reads what was left unread, and from where on. The log's, not a tenant's.
  `create table reading_cursors (
     partition int primary key,
     log_offset bigint not null default 0,
     holder text not null,
     held_until timestamptz not null
   )`,
]);
