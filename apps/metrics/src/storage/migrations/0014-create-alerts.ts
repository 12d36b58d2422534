import { defineMigration, roleName, tenantPolicy } from '@parley/database';

/** Alerts, the webhooks that hear of them, and what is posted. None of it is computed from the log alone: it is kept. */
export const createAlerts = defineMigration('0014-create-alerts', [
  `create table alerts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     alert_id uuid not null,
     bot_id text collate "C" not null,
     objective text not null check (objective in ('success', 'latency')),
     severity text not null check (severity in ('page', 'ticket')),
     evidence text not null,
     started_at timestamptz not null,
     ended_at timestamptz check (ended_at > started_at),
     -- The long windows, in seconds, of the rules that keep it open, and since when none does.
     held_by integer[] not null,
     calm_since timestamptz,
     -- Which change of its partition its beginning was, and its end. Later changes have higher numbers, and none is
     -- committed after a higher one.
     began_number bigint not null,
     ended_number bigint,
     primary key (partition, tenant_id, alert_id),
     check ((ended_at is null) = (ended_number is null))
   )`,
  ...tenantPolicy('alerts'),
  `create unique index alerts_open on alerts (partition, tenant_id, bot_id, objective, severity)
     where ended_at is null`,
  'create unique index alerts_by_number on alerts (partition, tenant_id, began_number)',
  'create unique index alerts_by_bot on alerts (partition, tenant_id, bot_id, began_number)',
  'create unique index alerts_open_by_number on alerts (partition, tenant_id, began_number) where ended_at is null',
  'create unique index alerts_by_end on alerts (partition, tenant_id, ended_number) where ended_number is not null',
  'create index alerts_by_age on alerts (ended_at) where ended_at is not null',

  // How far a partition is judged. Whoever changes alerts holds its row, so the changes of a partition have an order.
  `create table alert_clocks (
     partition integer primary key check (partition >= 0),
     holder text,
     held_until timestamptz,
     -- The last minute that was judged.
     judged_at timestamptz,
     -- Of that minute everybody up to this tenant is judged. Null: everybody.
     judged_through uuid,
     change_number bigint not null default 0
   )`,
  `revoke all on alert_clocks from ${roleName('metrics', 'app')}`,

  `create table webhooks (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     webhook_id uuid not null,
     url text not null check (length(url) <= 2000),
     -- Empty: all.
     severities text[] not null check (severities <@ array['page', 'ticket']),
     -- Sealed: a database that is read alone forges nothing.
     secret bytea not null,
     created_at timestamptz not null,
     -- When something is to be posted. Null: nothing is waiting.
     due_at timestamptz,
     -- Who posts holds it, one at a time; each has a number of its own, one more than the last.
     held_until timestamptz,
     hold_number bigint not null default 0,
     primary key (partition, tenant_id, webhook_id)
   )`,
  ...tenantPolicy('webhooks'),
  'create index webhooks_due on webhooks (due_at) where due_at is not null',

  `create table webhook_deliveries (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     delivery_id uuid not null,
     webhook_id uuid not null,
     alert_id uuid not null,
     -- Of the change that it tells of.
     number bigint not null,
     body text not null,
     state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
     attempt_count integer not null default 0 check (attempt_count >= 0),
     http_status integer not null default 0,
     error text not null default '',
     created_at timestamptz not null default clock_timestamp(),
     attempted_at timestamptz,
     next_attempt_at timestamptz default clock_timestamp(),
     primary key (partition, tenant_id, delivery_id),
     foreign key (partition, tenant_id, webhook_id) references webhooks on delete cascade,
     foreign key (partition, tenant_id, alert_id) references alerts on delete cascade,
     check ((state = 'pending') = (next_attempt_at is not null))
   )`,
  ...tenantPolicy('webhook_deliveries'),
  `create unique index webhook_deliveries_by_webhook
     on webhook_deliveries (partition, tenant_id, webhook_id, number)`,
  `create unique index webhook_deliveries_pending
     on webhook_deliveries (partition, tenant_id, webhook_id, number) where state = 'pending'`,
  'create index webhook_deliveries_by_alert on webhook_deliveries (partition, tenant_id, alert_id)',
]);
