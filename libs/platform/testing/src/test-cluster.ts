import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bootstrapService, migrate, roleName, rolePassword, roleUrl } from '@parley/database';
import type { NamedMigration, RoleKind } from '@parley/database';
import { startPostgres } from '@parley/postgres';
import type { PostgresServer } from '@parley/postgres';
import { createLogger } from '@parley/runtime';
import { Client } from 'pg';
import { afterAll } from 'vitest';

/** From which the passwords of all roles in test clusters are derived. */
export const TEST_SECRET = 'for test clusters only';

const DEBIAN_15 = '/usr/lib/postgresql/15/bin';

/**
 * The Postgres versions to run a suite on: the embedded one, and Debian's 15 where it is installed.
 * `describe.each(postgresVersions)('on $name', ({ options }) => …)` with `startTestCluster(options)`.
 */
export const postgresVersions: readonly { readonly name: string; readonly options: TestClusterOptions }[] = [
  { name: 'Postgres 18', options: {} },
  ...(existsSync(DEBIAN_15) ? [{ name: 'Postgres 15', options: { binDir: DEBIAN_15 } }] : []),
];

/** A database of one test or test file. */
export interface TestDatabase {
  /** As superuser. */
  readonly adminUrl: string;
  /** As one of the roles that `prepare` made, such as `ingestion_app`. */
  urlFor(role: string): string;
  /** Cuts off whoever is still connected and drops it. Not needed at the end of a file. */
  drop(): Promise<void>;
}

/** A throw-away Postgres for one test file. */
export interface TestCluster {
  readonly server: PostgresServer;
  /**
   * A new database. The first one under a `template` name is prepared and kept as a template; later ones are
   * copies of it, which takes a fraction of a second. `prepare` must close its connections.
   */
  database(template: string, prepare: (database: TestDatabase) => Promise<void>): Promise<TestDatabase>;
  /** A streaming replica of all its databases, made from a backup of now; stopped with the cluster. */
  standby(): Promise<TestStandby>;
  stop(): Promise<void>;
}

/** A read-only copy that follows its cluster. */
export interface TestStandby {
  readonly server: PostgresServer;
  /** The same database here, as one of its roles. */
  urlFor(database: TestDatabase, role: string): string;
  /** Stops taking over what the cluster writes, which goes on arriving, or takes it over again. */
  setPaused(isPaused: boolean): Promise<void>;
}

export interface TestClusterOptions {
  /** Another Postgres than the embedded one. */
  readonly binDir?: string;
  /** Server settings; flushing is off unless told. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Starts a cluster that is stopped after the test file. Call it at the top level of the file:
 * `const cluster = await testCluster();`
 */
export async function testCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = await startTestCluster(options);
  afterAll(() => cluster.stop());
  return cluster;
}

/** Starts a cluster that the caller stops. */
export async function startTestCluster({ binDir, settings }: TestClusterOptions = {}): Promise<TestCluster> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-test-'));
  const server = await startPostgres({
    dataDir,
    logger: createLogger({ service: 'test-cluster', level: 'warn' }),
    settings: { fsync: 'off', full_page_writes: 'off', shared_buffers: '64MB', ...settings },
    ...(binDir === undefined ? {} : { binDir }),
  });
  const templates = new Map<string, Promise<string>>();
  const standbys: (() => Promise<void>)[] = [];

  const databaseNamed = (name: string): TestDatabase => {
    const adminUrl = withDatabase(server.adminUrl, name);
    return {
      adminUrl,
      urlFor: (role) => roleUrl(adminUrl, role, rolePassword(TEST_SECRET, role)),
      drop: () => administer(server.adminUrl, `drop database if exists ${name} with (force)`),
    };
  };
  const makeTemplate = async (prepare: (database: TestDatabase) => Promise<void>): Promise<string> => {
    const name = newName('template');
    await administer(server.adminUrl, `create database ${name}`);
    await prepare(databaseNamed(name));
    return name;
  };

  return {
    server,
    database: async (template, prepare) => {
      const made = templates.get(template) ?? makeTemplate(prepare);
      templates.set(template, made);
      const name = newName('test');
      await administer(server.adminUrl, `create database ${name} template ${await made}`);
      return databaseNamed(name);
    },
    standby: async () => {
      const { standby, remove } = await startStandby(server, dataDir, binDir);
      standbys.push(remove);
      return standby;
    },
    stop: async () => {
      for (const remove of standbys) await remove();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

export interface PrepareOptions {
  readonly service: string;
  readonly migrations: readonly NamedMigration[];
  /** The roles beside `owner`; `app` and `worker` unless told. */
  readonly roles?: readonly Exclude<RoleKind, 'owner'>[];
}

/** For `TestCluster.database`: makes a service's roles and schema and brings it up to date. */
export function prepareService({ service, migrations, roles = ['app', 'worker'] }: PrepareOptions) {
  return async ({ adminUrl, urlFor }: TestDatabase): Promise<void> => {
    const passwordOf = (kind: RoleKind): string => rolePassword(TEST_SECRET, roleName(service, kind));
    const passwords = Object.fromEntries(roles.map((kind) => [kind, passwordOf(kind)]));
    await bootstrapService({ adminUrl, service, passwords: { ...passwords, owner: passwordOf('owner') } });
    await migrate({
      ownerUrl: urlFor(roleName(service, 'owner')),
      service,
      migrations,
      logger: createLogger({ service, level: 'warn' }),
    });
  };
}

/** As pg_basebackup does it, which the embedded Postgres comes without. */
async function startStandby(primary: PostgresServer, primaryDir: string, binDir: string | undefined) {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-standby-'));
  const cluster = join(dataDir, 'cluster');
  const client = new Client({ connectionString: primary.adminUrl, query_timeout: 60_000 });
  await client.connect();
  try {
    await client.query(`select pg_backup_start('standby', fast => true)`);
    await promisify(execFile)('cp', ['-a', join(primaryDir, 'cluster'), cluster]);
    const { rows } = await client.query<{ labelfile: string }>(
      'select labelfile from pg_backup_stop(wait_for_archive => false)',
    );
    await rm(join(cluster, 'postmaster.pid'), { force: true });
    for (const name of await readdir(join(cluster, 'pg_wal'))) {
      if (/^[0-9A-F]{24}/.test(name)) await rm(join(cluster, 'pg_wal', name));
    }
    const { uid, gid } = await stat(cluster);
    for (const [name, text] of [
      ['backup_label', rows[0]?.labelfile ?? ''],
      ['standby.signal', ''],
    ] as const) {
      await writeFile(join(cluster, name), text);
      await chown(join(cluster, name), uid, gid);
    }
  } finally {
    await client.end();
  }
  const server = await startPostgres({
    dataDir,
    logger: createLogger({ service: 'test-standby', level: 'warn' }),
    settings: {
      fsync: 'off',
      shared_buffers: '64MB',
      primary_conninfo: primary.adminUrl,
      max_standby_streaming_delay: '1s',
    },
    ...(binDir === undefined ? {} : { binDir }),
  });
  const standby: TestStandby = {
    server,
    urlFor: (database, role) => {
      const { pathname } = new URL(database.adminUrl);
      return roleUrl(withDatabase(server.adminUrl, pathname.slice(1)), role, rolePassword(TEST_SECRET, role));
    },
    setPaused: (isPaused) =>
      isPaused
        ? administer(
            server.adminUrl,
            // It is asked to, and does so at the next record; until then it is asked again.
            `do $$ begin
               perform pg_wal_replay_pause();
               for i in 1..500 loop
                 exit when pg_get_wal_replay_pause_state() = 'paused';
                 perform pg_sleep(0.01);
               end loop;
             end $$`,
          )
        : administer(server.adminUrl, 'select pg_wal_replay_resume()'),
  };
  const remove = async (): Promise<void> => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  return { standby, remove };
}

function newName(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}

function withDatabase(url: string, name: string): string {
  const result = new URL(url);
  result.pathname = `/${name}`;
  return result.href;
}

async function administer(adminUrl: string, statement: string): Promise<void> {
  const client = new Client({
    connectionString: adminUrl,
    connectionTimeoutMillis: 5_000,
    query_timeout: 60_000,
  });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
