import { defineMigration, tenantPolicy } from '@parley/database';

/** Who and what may be stored. All of it changes under the lock of its partition's head, with the version there. */
export const createPrivacy = defineMigration('0018-create-privacy', [
  'alter table partition_heads add column privacy_version bigint not null default 0',
  'grant update (privacy_version) on partition_heads to ingestion_append',
  `create table privacy_settings (
     partition int not null,
     tenant_id uuid not null,
     content_mode text not null default 'full' check (content_mode in ('full', 'pseudonymous', 'off')),
     -- Whether anything was ever kept under pseudonyms.
     has_pseudonyms boolean not null default false,
     -- Of the HMACs by which members and groups are known; without it nobody can tell whose they are.
     subject_key bytea not null check (length(subject_key) = 32),
     primary key (partition, tenant_id)
   )`,
  ...tenantPolicy('privacy_settings'),
  'revoke all on privacy_settings from ingestion_app, ingestion_worker',
  'grant select (partition, tenant_id, content_mode) on privacy_settings to ingestion_app',
  'grant select on privacy_settings to ingestion_worker',
  'grant select, insert, update (content_mode, has_pseudonyms) on privacy_settings to ingestion_append',
  `create table privacy_subjects (
     partition int not null,
     tenant_id uuid not null,
     -- The first three by consent. The others are erased, or refused with what they belong to, and never allowed.
     scope text not null check (scope in ('member', 'group', 'tenant', 'erased_member', 'erased_user', 'interaction', 'conversion')),
     -- An HMAC of the id; empty for the tenant; of interactions and conversions, the event's key.
     subject bytea not null,
     is_allowed boolean not null,
     changed_at timestamptz not null,
     -- From when on it is of no use; null: never.
     expires_at timestamptz,
     -- For want of whose consent it was refused; null: it is erased, or is itself about consent.
     cause_scope text,
     cause_subject bytea,
     primary key (partition, tenant_id, scope, subject)
   )`,
  ...tenantPolicy('privacy_subjects'),
  'create index privacy_subjects_expired on privacy_subjects (expires_at) where expires_at is not null',
  'revoke insert, update, delete on privacy_subjects from ingestion_app',
  'grant select, insert, update, delete on privacy_subjects to ingestion_append',
  `create table consent_refusals (
     partition int not null,
     tenant_id uuid not null,
     scope text not null check (scope in ('member', 'group', 'tenant')),
     subject bytea not null,
     day date not null,
     refused_count bigint not null,
     primary key (partition, tenant_id, scope, subject, day)
   )`,
  ...tenantPolicy('consent_refusals'),
  'revoke insert, update, delete on consent_refusals from ingestion_app, ingestion_worker',
  'grant select, insert, update on consent_refusals to ingestion_append',
]);
