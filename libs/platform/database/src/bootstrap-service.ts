import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@parley/errors';
import { Client } from 'pg';
import { sqlStateOf, toDomainError } from './database-error.ts';
import { identifier, roleName, scramVerifier } from './role.ts';
import type { RoleKind } from './role.ts';

export interface BootstrapOptions {
  /** A user that may make roles and, in this database, schemas. */
  readonly adminUrl: string;
  /** The service's name, which its schema bears too. */
  readonly service: string;
  /** Its roles with their passwords; `owner` is always needed. */
  readonly passwords: Readonly<Partial<Record<RoleKind, string>>> & { readonly owner: string };
}

const BYPASSES: Readonly<Record<RoleKind, boolean>> = {
  owner: false,
  app: false,
  worker: true,
  append: true,
};
/** What a new table or sequence of the schema grants by itself. `append` is granted by name in migrations. */
const DEFAULT_GRANTEES = ['app', 'worker'] as const;
const ATTEMPTS = 10;

/**
 * Makes a service's roles and schema, or brings them up to date: passwords, attributes, grants. May be repeated, and
 * run by many processes at once. Grants nothing on other schemas, on `public` or on the database.
 *
 * Throws `failed-precondition` (DATABASE_RIGHTS_MISSING) naming what the admin user lacks, `unavailable` when the
 * server can't be reached within 5 s or others hold its locks for 30 s.
 */
export async function bootstrapService(options: BootstrapOptions): Promise<void> {
  const client = new Client({
    connectionString: options.adminUrl,
    connectionTimeoutMillis: 5_000,
    query_timeout: 60_000,
    application_name: `${options.service} bootstrap`,
  });
  // Without a listener a connection that breaks between two statements would end the process; the next one reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await requireRights(client, options);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await bootstrapOnce(client, options);
      } catch (error) {
        if (attempt === ATTEMPTS || !isRace(error)) throw error;
        await sleep(20 * attempt);
      }
    }
  } catch (error) {
    throw sqlStateOf(error) === '42501' ? rightsMissing(options, [String(error)]) : toDomainError(error);
  } finally {
    await client.end();
  }
}

async function bootstrapOnce(client: Client, { service, passwords }: BootstrapOptions): Promise<void> {
  const schema = identifier(service);
  const owner = roleName(service, 'owner');
  const kinds = (Object.keys(BYPASSES) as RoleKind[]).filter((kind) => passwords[kind] !== undefined);
  const members = kinds.filter((kind) => kind !== 'owner').map((kind) => roleName(service, kind));
  const grantees = DEFAULT_GRANTEES.filter((kind) => passwords[kind] !== undefined).map((kind) =>
    roleName(service, kind),
  );
  await client.query("begin; set local lock_timeout = '30s'");
  try {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', ['parley bootstrap']);
    for (const kind of kinds)
      await putRole(client, roleName(service, kind), BYPASSES[kind], passwords[kind] ?? '');
    // An admin that is no superuser can act for the owner only as its member.
    await client.query(`do $$ begin
      if not pg_has_role(current_user, '${owner}', 'member') or not pg_has_role(current_user, '${owner}', 'usage') then
        execute format('grant ${owner} to %I', current_user);
      end if;
    end $$`);
    await client.query(`create schema if not exists ${schema} authorization ${owner}`);
    await client.query(`alter schema ${schema} owner to ${owner}`);
    if (members.length > 0) await client.query(`grant usage on schema ${schema} to ${members.join(', ')}`);
    if (grantees.length > 0) {
      const target = `for role ${owner} in schema ${schema}`;
      const to = grantees.join(', ');
      await client.query(
        `alter default privileges ${target} grant select, insert, update, delete on tables to ${to}`,
      );
      await client.query(`alter default privileges ${target} grant usage, select on sequences to ${to}`);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Makes a role or puts it right. Attributes that are right are left alone: to touch them an admin must have them. */
async function putRole(client: Client, role: string, bypasses: boolean, password: string): Promise<void> {
  const { rows } = await client.query<Record<string, boolean>>(
    `select rolcanlogin as login, rolbypassrls as bypassrls, rolsuper as superuser, rolcreatedb as createdb,
            rolcreaterole as createrole, rolreplication as replication, rolinherit as inherit
       from pg_roles where rolname = $1`,
    [role],
  );
  const wanted: Readonly<Record<string, boolean>> = {
    login: true,
    bypassrls: bypasses,
    superuser: false,
    createdb: false,
    createrole: false,
    replication: false,
    inherit: false,
  };
  const present = rows[0];
  const attributes = Object.entries(wanted)
    .filter(([name, isWanted]) =>
      present === undefined ? isWanted || name === 'inherit' : present[name] !== isWanted,
    )
    .map(([name, isWanted]) => (isWanted ? name : `no${name}`));
  const verb = present === undefined ? 'create' : 'alter';
  await client.query(`${verb} role ${role} ${attributes.join(' ')} password '${scramVerifier(password)}'`);
}

async function requireRights(client: Client, options: BootstrapOptions): Promise<void> {
  const { rows } = await client.query<{
    readonly is_super: boolean;
    readonly makes_roles: boolean;
    readonly bypasses: boolean;
    readonly makes_schemas: boolean;
    readonly version: number;
  }>(`
    select rolsuper as is_super, rolcreaterole as makes_roles, rolbypassrls as bypasses,
           has_database_privilege(current_database(), 'create') as makes_schemas,
           current_setting('server_version_num')::int as version
      from pg_roles where rolname = current_user`);
  const rights = rows[0];
  if (rights === undefined) throw rightsMissing(options, ['a role of its own']);
  if (rights.version < 150_000) {
    throw new DomainError(
      `Parley needs Postgres 15 or later; this is ${Math.floor(rights.version / 10_000)}.`,
      {
        kind: 'failed-precondition',
        reason: 'DATABASE_TOO_OLD',
      },
    );
  }
  if (rights.is_super) return;
  const missing: string[] = [];
  if (!rights.makes_roles) missing.push('CREATEROLE');
  // Up to 15 only a superuser hands this attribute on; from 16 on whoever has it and may make roles.
  if (rights.version < 160_000)
    missing.push('SUPERUSER (before Postgres 16 only it can make roles with BYPASSRLS)');
  else if (!rights.bypasses) missing.push('BYPASSRLS');
  if (!rights.makes_schemas) missing.push('CREATE on the database');
  if (missing.length > 0) throw rightsMissing(options, missing);
}

function rightsMissing({ adminUrl, service }: BootstrapOptions, missing: readonly string[]): DomainError {
  const user = decodeURIComponent(new URL(adminUrl).username);
  return new DomainError(
    `The database user "${user}" can't make the roles and schema of ${service}; it lacks: ${missing.join(', ')}.`,
    {
      kind: 'failed-precondition',
      reason: 'DATABASE_RIGHTS_MISSING',
      facts: { user, missing: missing.join(', ') },
    },
  );
}

/** Roles belong to the cluster, the advisory lock to one database: two databases set up at once still collide. */
function isRace(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state === 'XX000') return error instanceof Error && error.message.includes('concurrently');
  return state === '23505' || state === '42710' || state === '40P01' || state === '40001';
}
