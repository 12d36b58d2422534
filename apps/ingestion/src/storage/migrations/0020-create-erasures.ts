import { defineMigration, tenantPolicy } from '@parley/database';

/** Members who are erased, how far that is, and what it touched; and by which events of other kinds a member is found. */
export const createErasures = defineMigration('0020-create-erasures', [
  `create table erasures (
     partition int not null,
     tenant_id uuid not null,
     receipt_id uuid not null,
     requested_at timestamptz not null,
     -- As in privacy_subjects.
     member_hash bytea not null,
     -- Under every id that the member has in the log; null once it is complete.
     member_ids text[],
     stage text not null check (stage in ('naming', 'referring', 'refunding', 'announcing', 'announced', 'emptied', 'complete')),
     -- What belongs to it at this stage is in the log up to here.
     through_offset bigint not null,
     -- Of its last event.
     log_offset bigint,
     announced_at timestamptz,
     completed_at timestamptz,
     -- Which process works on it, and until when no other does.
     holder text,
     held_until timestamptz,
     -- When the member allowed again to be stored: what comes then is no more of this erasure.
     lifted_at timestamptz,
     primary key (partition, tenant_id, receipt_id),
     check ((stage = 'complete') = (completed_at is not null)),
     check ((stage = 'complete') = (member_ids is null))
   )`,
  ...tenantPolicy('erasures'),
  'create index erasures_by_time on erasures (partition, tenant_id, requested_at desc, receipt_id desc)',
  'create index erasures_by_member on erasures (partition, tenant_id, member_hash)',
  'create index erasures_by_receipt on erasures (receipt_id)',
  'create index erasures_open on erasures (requested_at) where completed_at is null',
  'revoke insert, update, delete on erasures from ingestion_app',
  'grant select, insert, update (lifted_at) on erasures to ingestion_append',
  // Every event that goes with a member, until the erasure is complete.
  `create table erasure_targets (
     partition int not null,
     tenant_id uuid not null,
     receipt_id uuid not null,
     kind smallint not null,
     event_key uuid not null,
     is_emptied boolean not null default false,
     primary key (partition, tenant_id, receipt_id, kind, event_key)
   )`,
  ...tenantPolicy('erasure_targets'),
  'create index erasure_targets_left on erasure_targets (partition, tenant_id, receipt_id) where not is_emptied',
  'revoke all on erasure_targets from ingestion_app',
  // The users that go with a member, under the ids that they have in the log; until the erasure is complete.
  `create table erasure_users (
     partition int not null,
     tenant_id uuid not null,
     receipt_id uuid not null,
     user_id text collate "C" not null,
     primary key (partition, tenant_id, receipt_id, user_id)
   )`,
  ...tenantPolicy('erasure_users'),
  'revoke all on erasure_users from ingestion_app',
  `create table erasure_places (
     partition int not null,
     tenant_id uuid not null,
     receipt_id uuid not null,
     service text not null,
     place text not null,
     row_count_before bigint not null,
     row_count_after bigint not null,
     primary key (partition, tenant_id, receipt_id, service, place)
   )`,
  ...tenantPolicy('erasure_places'),
  'revoke insert, update, delete on erasure_places from ingestion_app',
  `create table erasure_confirmations (
     partition int not null,
     tenant_id uuid not null,
     receipt_id uuid not null,
     service text not null,
     -- Of what was looked at after the log was emptied.
     is_final boolean not null,
     primary key (partition, tenant_id, receipt_id, service)
   )`,
  ...tenantPolicy('erasure_confirmations'),
  'revoke insert, update, delete on erasure_confirmations from ingestion_app',

  // Of the read model: whom and what each event is about, but for interactions and completions, which are found by their
  // own tables. The offset is in the key, since an id that the log has forgotten may come again.
  `create table reference_rows (
     partition int not null,
     generation int not null,
     tenant_id uuid not null,
     event_key uuid not null,
     kind smallint not null,
     log_offset bigint not null check (log_offset > 0),
     member_id text,
     user_id text,
     -- The interaction, or of a refund the conversion.
     subject_key uuid,
     primary key (partition, event_key, tenant_id, generation, kind, log_offset)
   )`,
  ...tenantPolicy('reference_rows'),
  'revoke insert, update, delete on reference_rows from ingestion_app',
  // As in 0008: only who erases says that an offset is above 0.
  ...['member_id', 'user_id'].map(
    (column) => `create index reference_rows_by_${column} on reference_rows (tenant_id, ${column} collate "C")
       where log_offset > 0 and ${column} is not null`,
  ),
  `create index reference_rows_by_subject on reference_rows (tenant_id, subject_key)
     where log_offset > 0 and subject_key is not null`,

  // Samples of these would stand in the planner's statistics, from where no erasure reaches them.
  ...Object.entries({
    // And its months; `ensureMonths` says it of those to come.
    events: ['body'],
    quarantined_events: ['event_id', 'message', 'field_violations', 'body'],
    text_reads: ['request'],
    interaction_rows: [
      'interaction_id',
      'member_id',
      'conversation_id',
      'message_text',
      'response_text',
      'attributes',
      'understanding',
    ],
    completion_rows: ['interaction_id', 'response_text', 'attributes'],
    conversion_rows: [
      'conversion_id',
      'interaction_id',
      'member_id',
      'trigger_message',
      'bot_message',
      'pages_visited',
      'attributes',
    ],
    refund_rows: ['refund_id', 'conversion_id', 'reason', 'attributes'],
    feedback_rows: ['feedback_id', 'interaction_id', 'conversation_id', 'member_id', 'comment', 'attributes'],
    handoff_rows: ['handoff_id', 'interaction_id', 'conversation_id', 'member_id', 'reason', 'attributes'],
    member_rows: ['member_id', 'user_id', 'attributes'],
    user_rows: ['user_id', 'attributes'],
    reference_rows: ['member_id', 'user_id'],
    erasures: ['member_ids'],
    erasure_users: ['user_id'],
  }).map(
    ([table, columns]) =>
      `alter table ${table} ${columns.map((column) => `alter column ${column} set statistics 0`).join(', ')}`,
  ),
]);
