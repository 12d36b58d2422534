import { setTimeout as sleep } from 'node:timers/promises';
import type { Constructor } from '@mikro-orm/core';
import { Migration, Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import type { Pool, PoolClient } from 'pg';
import { sqlStateOf, toDomainError } from './database-error.ts';
import { identifier } from './role.ts';

/** One numbered step of a service's schema; applied once, in one transaction, never changed afterwards. */
export interface NamedMigration {
  /** As its file is named: `0003-index-interactions-by-bot`. */
  readonly name: string;
  readonly class: Constructor<Migration>;
}

/** A migration that runs these statements in order. There is no way down: a mistake is mended by the next one. */
export function defineMigration(name: string, up: readonly string[]): NamedMigration {
  return {
    name,
    class: class extends Migration {
      override up(): void {
        for (const statement of up) this.addSql(statement);
      }
    },
  };
}

export interface MigrateOptions {
  /** Connects as the service's owner role. */
  readonly ownerUrl: string;
  readonly service: string;
  /** In the order in which they are applied. */
  readonly migrations: readonly NamedMigration[];
  readonly logger: Logger;
}

/** Long enough for a short statement to end, short enough that those who queue behind us do not notice. */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_ATTEMPTS = 20;
/** Another process may be building an index on much data. */
const TURN_MS = 600_000;

/**
 * Brings the service's schema up to date and returns the names of what was applied. May be repeated, run by many
 * processes at once (one works, the others wait for it) and killed at any point: each migration is one transaction.
 * A lock that it can't get in 2 s is given up and tried again, so traffic is never held up for long.
 *
 * Throws `aborted` (DATABASE_LOCK_TIMEOUT) after 20 such tries, `unavailable` when the server can't be reached.
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const service = identifier(options.service);
  const orm = await MikroORM.init({
    clientUrl: options.ownerUrl,
    schema: service,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    ensureDatabase: false,
    pool: { min: 0, max: 3 },
    driverOptions: {
      connectionString: options.ownerUrl,
      application_name: `${service} migrate`,
      connectionTimeoutMillis: 5_000,
      lock_timeout: LOCK_TIMEOUT_MS,
      options: `-c search_path=${service}`,
    },
    migrations: {
      migrationsList: [...options.migrations],
      tableName: 'migrations',
      snapshot: false,
      // It would write to stdout, which belongs to results.
      silent: true,
      transactional: true,
      allOrNothing: false,
      // Switching foreign keys off takes a superuser.
      disableForeignKeys: false,
    },
  });
  const pool: Pool = await orm.em.getConnection().getNativeClient();
  const inUse = new Set<PoolClient>();
  pool.on('acquire', (client) => inUse.add(client));
  pool.on('release', (_error, client) => inUse.delete(client));
  try {
    const lock = await pool.connect();
    try {
      await takeTurn(lock, service);
      const applied = await applyPending(orm, options.logger);
      await hideMigrations(lock, service);
      return applied;
    } finally {
      // Closing the session is what gives the turn to the next.
      lock.release(true);
    }
  } catch (error) {
    throw toDomainError(error);
  } finally {
    // MikroORM never gives back a connection that broke within a transaction, and the pool would wait for it.
    for (const client of [...inUse]) client.release(true);
    await orm.close(true);
    if (!pool.ending) await pool.end();
  }
}

async function applyPending(orm: MikroORM, logger: Logger): Promise<readonly string[]> {
  const applied: string[] = [];
  const migrator = orm.migrator;
  migrator.on('migrated', ({ name }) => {
    logger.info({ migration: name }, 'migration applied');
    applied.push(name);
  });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await migrator.up();
      return applied;
    } catch (error) {
      if (sqlStateOf(error) !== '55P03' || attempt === LOCK_ATTEMPTS) throw error;
      logger.info({ attempt }, 'a migration waits for a lock that others hold');
      await sleep(500);
    }
  }
}

async function takeTurn(lock: PoolClient, service: string): Promise<void> {
  const deadline = performance.now() + TURN_MS;
  for (;;) {
    const { rows } = await lock.query<{ taken: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
      [`parley migrate ${service}`],
    );
    if (rows[0]?.taken === true) return;
    if (performance.now() > deadline) {
      throw new DomainError(
        `Another process has been migrating ${service} for ${TURN_MS / 60_000} minutes.`,
        {
          kind: 'aborted',
          reason: 'DATABASE_LOCK_TIMEOUT',
        },
      );
    }
    await sleep(100);
  }
}

/** The list of migrations is the owner's alone; default privileges gave it to all. */
async function hideMigrations(client: PoolClient, service: string): Promise<void> {
  const { rows } = await client.query<{ grantee: string }>(`
    select distinct grantee::regrole::text as grantee
      from pg_class, aclexplode(relacl)
     where oid = '${service}.migrations'::regclass and grantee <> relowner`);
  for (const { grantee } of rows) await client.query(`revoke all on ${service}.migrations from ${grantee}`);
}
