import { roleName, tenantPolicy } from '@parley/database';

/**
 * The statements by which those tables also hold what generations began with where raw events have expired, for a later
 * migration.
 */
export function projectionSealMigration(service: string): readonly string[] {
  return [
    // Null: not begun. Up to here its copied rows hold everything.
    'alter table projection_checkpoints add column seeded_through bigint check (seeded_through >= 0)',
    'update projection_checkpoints set seeded_through = 0',
    `create table projection_seals (
       partition integer not null,
       projection text not null,
       generation integer not null,
       tenant_id uuid not null,
       received_before timestamptz not null,
       occurred_before timestamptz not null,
       primary key (partition, projection, generation, tenant_id)
     )`,
    ...tenantPolicy('projection_seals'),
    `revoke all on projection_seals from ${roleName(service, 'app')}`,
  ];
}

/** The statements by which those tables also hold what verifications at night have found, for a later migration. */
export function projectionVerificationMigration(service: string): readonly string[] {
  return [
    `create table projection_verifications (
       projection text not null,
       -- The UTC day.
       night date not null,
       holder text not null,
       started_at timestamptz not null default clock_timestamp(),
       -- Of the process that runs it.
       heard_at timestamptz not null default clock_timestamp(),
       ended_at timestamptz,
       event_count bigint not null default 0,
       row_count bigint not null default 0,
       difference_count bigint not null default 0,
       error text not null default '',
       primary key (projection, night)
     )`,
    `revoke all on projection_verifications from ${roleName(service, 'app')}`,
  ];
}

/**
 * The statements that make the tables of the projection runtime in a service's schema, for one of its migrations:
 * `defineMigration('0002-create-projections', projectionMigration('metrics'))`. The worker role writes them, the app
 * role reads which generation answers and how far it is. They hold nothing of a tenant.
 */
export function projectionMigration(service: string): readonly string[] {
  const app = roleName(service, 'app');
  return [
    // A number is never used again, so the rows of a generation that is gone can't be taken for those of another.
    `create table projection_generations (
       projection text not null,
       generation integer not null check (generation > 0),
       version integer not null,
       state text not null check (state in ('building', 'active', 'verifying', 'retired')),
       created_at timestamptz not null default clock_timestamp(),
       emptied_at timestamptz check (emptied_at is null or state = 'retired'),
       primary key (projection, generation)
     )`,
    `create unique index projection_generations_one_of_a_state on projection_generations (projection, state)
       where state <> 'retired'`,
    `create table projection_checkpoints (
       partition integer not null,
       projection text not null,
       generation integer not null,
       position bigint not null default 0 check (position >= 0),
       complete_to timestamptz,
       lease_holder text,
       lease_token bigint not null default 0,
       lease_expires_at timestamptz,
       stopped_because text,
       primary key (partition, projection, generation),
       foreign key (projection, generation) references projection_generations
     )`,
    `create table projection_parked (
       partition integer not null,
       projection text not null,
       generation integer not null,
       log_offset bigint not null,
       error text not null,
       attempt_count integer not null,
       parked_at timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
       primary key (partition, projection, generation, log_offset)
     )`,
    // Default privileges gave all of it to the app role.
    `revoke all on projection_generations, projection_checkpoints, projection_parked from ${app}`,
    `grant select on projection_generations, projection_checkpoints to ${app}`,
  ];
}
