import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM } from '@mikro-orm/postgresql';
import type { EntityManager, Options } from '@mikro-orm/postgresql';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import { isConflict, isConnectionLost, toDomainError } from './database-error.ts';
import { entityConnection } from './entity-connection.ts';
import { listen } from './listen.ts';
import type { Listener, ListenHandlers } from './listen.ts';
import { identifier } from './role.ts';
import { TENANT_SETTING } from './tenant-policy.ts';
import { VALUE_TYPES } from './transaction.ts';
import type { Result, Statement, Transaction } from './transaction.ts';

export interface DatabaseOptions {
  /** Connects as one of the service's roles. */
  readonly url: string;
  /** The service, and so the schema in which unqualified names are sought. */
  readonly service: string;
  /** Made by `defineEntity`; none where only SQL is used. */
  readonly entities?: NonNullable<Options['entities']>;
  /** Connections at most, `listen` not counted. */
  readonly poolSize: number;
  /** Seen in pg_stat_activity. */
  readonly applicationName: string;
  /** A statement that takes longer is cancelled; one that the server leaves unanswered 5 s longer counts as lost. */
  readonly statementTimeoutMs: number;
  readonly logger: Logger;
  /** In [0, 1); spreads the retries. */
  readonly random?: () => number;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  /** Runs at most when it loses against others (serialization failure, deadlock); 5 unless told, 1 for never again. */
  readonly attempts?: number;
  /**
   * A whole number of milliseconds after which the server ends it while it waits for its next statement, so that what
   * it has locked is free when the process is frozen; 60,000 unless told.
   */
  readonly idleMs?: number;
  /**
   * Its statements seek rows by index, also in the plans that are kept for those that have a name. A plan that was made
   * while a table was small would else read all of it when it has grown, until it is analyzed again.
   */
  readonly byIndex?: boolean;
}

/**
 * One role's connections to one service's schema.
 *
 * Every method throws DomainError for what is no fault of the caller: `unavailable` (DATABASE_UNAVAILABLE) when no
 * connection can be had within 2 s or the connection is lost, `unavailable` (NOT_REPLICATED) when a commit did not
 * reach a standby, `aborted` (DATABASE_CONFLICT, DATABASE_LOCK_TIMEOUT), `deadline-exceeded` (DATABASE_TIMEOUT).
 * After `unavailable` a transaction may or may not have been committed: repeat only what can be repeated.
 */
export interface Database {
  /** Runs `work` in a transaction, again when it loses against others; so it must have no effects of its own. */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** The same on behalf of a tenant (a UUID): the only way by which an `app` role sees a tenant's rows. */
  withTenant<T>(
    tenantId: string,
    work: (tx: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /**
   * The same with entities: a fresh EntityManager in a transaction, flushed at its end. It is bound to that
   * transaction: no `transactional`, `begin`, `fork` or `stream` of its own.
   */
  entities<T>(tenantId: string | undefined, work: (em: EntityManager) => Promise<T>): Promise<T>;
  /** One statement on its own, for workers. */
  query<Row extends object = Record<string, unknown>>(
    statement: Statement,
    parameters?: readonly unknown[],
  ): Promise<Result<Row>>;
  /** Subscribes to notifications, with a connection of its own. */
  listen(channel: string, handlers: ListenHandlers): Listener;
  /** Ends all connections, once the transactions in progress have ended. */
  close(): Promise<void>;
}

/** Waiting for a connection, be it for a free one or for the server to answer; leaves time to answer within 2 s. */
const CONNECT_TIMEOUT_MS = 1_900;
/** What the client waits beyond the server's own time-out before it takes the connection for lost. */
const ANSWER_MARGIN_MS = 5_000;
const IDLE_IN_TRANSACTION_MS = 60_000;
const ATTEMPTS = 5;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Opens a role's connections; the first one is made when it is needed. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { logger, random = Math.random } = options;
  const service = identifier(options.service);
  const connection = {
    // MikroORM reads host, user and database from it, the driver also sslmode and the like.
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + ANSWER_MARGIN_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    options: `-c search_path=${service}`,
  } satisfies PoolConfig;
  let lostReplications = 0;
  const countLostReplication = (client: PoolClient): void => {
    client.on('notice', ({ message }) => {
      if (message?.includes('wait for synchronous replication') === true) lostReplications += 1;
    });
  };
  const orm = await MikroORM.init({
    clientUrl: options.url,
    schema: service,
    entities: options.entities ?? [],
    discovery: { warnWhenNoEntities: false },
    ensureDatabase: false,
    logger: (message) => logger.warn({ message }, 'MikroORM says'),
    pool: { min: 0, max: options.poolSize, idleTimeoutMillis: 30_000 },
    driverOptions: { ...connection, onPoolCreated: (pool: Pool) => pool.on('connect', countLostReplication) },
  });
  const pool: Pool = await orm.em.getConnection().getNativeClient();

  const acquire = async (): Promise<PoolClient> => {
    try {
      return await pool.connect();
    } catch (error) {
      throw toDomainError(error);
    }
  };

  // Postgres says COMMIT, with a warning, when its wait for a standby was cancelled: the row is on this machine alone,
  // and a failover would lose it. That must not be taken for a commit. Counted over the whole pool: what merely ran
  // beside such a one is refused too, which costs a repetition.
  const requireReplication = async <T>(work: () => Promise<T>): Promise<T> => {
    const lostBefore = lostReplications;
    const value = await work();
    if (lostReplications === lostBefore) return value;
    throw new DomainError('The change did not reach a second machine in time.', {
      kind: 'unavailable',
      reason: 'NOT_REPLICATED',
      retryAfterMs: 1_000,
    });
  };

  const attempt = async <T>(begin: string, work: (tx: Transaction) => Promise<T>): Promise<T> => {
    const client = await acquire();
    let lost: unknown;
    let isOpen = true;
    const tx: Transaction = {
      client,
      query: (statement, parameters) => {
        if (!isOpen) throw new Error('The transaction has ended; await every query within it.');
        return run(client, statement, parameters);
      },
    };
    try {
      await client.query(begin);
      const value = await work(tx);
      isOpen = false;
      const { command } = await client.query('commit');
      if (command !== 'COMMIT')
        throw new Error('Not committed: the error of a failed statement was ignored.');
      return value;
    } catch (error) {
      isOpen = false;
      if (isConnectionLost(error)) lost = error;
      else await client.query('rollback').catch((failure: unknown) => (lost = failure));
      throw error;
    } finally {
      client.release(lost !== undefined);
    }
  };

  const retry = async <T>(attempts: number, once: () => Promise<T>): Promise<T> => {
    for (let count = 1; ; count += 1) {
      try {
        return await requireReplication(once);
      } catch (error) {
        if (!isConflict(error) || count >= attempts) throw toDomainError(error);
        // Full jitter: two that collided must not collide again in step.
        await sleep(random() * Math.min(10 * 2 ** count, 200));
      }
    }
  };

  const transaction = async <T>(
    work: (tx: Transaction) => Promise<T>,
    {
      isolation = 'read committed',
      readOnly = false,
      attempts = ATTEMPTS,
      idleMs,
      byIndex = false,
    }: TransactionOptions,
    tenantId?: string,
  ): Promise<T> => {
    const mode = readOnly ? ' read only' : '';
    // In one round trip with begin. `set local`, since on Citus it reaches the workers and set_config does not
    // (there citus.propagate_set_commands must be 'local' for the role).
    const idle = idleMs === undefined ? '' : `; set local idle_in_transaction_session_timeout = ${idleMs}`;
    const seek = byIndex ? '; set local enable_seqscan = off' : '';
    const tenant =
      tenantId === undefined ? '' : `; set local ${TENANT_SETTING} = '${parseTenantId(tenantId)}'`;
    return retry(attempts, () =>
      attempt(`begin isolation level ${isolation}${mode}${idle}${seek}${tenant}`, work),
    );
  };

  return {
    transaction: (work, settings = {}) => transaction(work, settings),
    withTenant: (tenantId, work, settings = {}) => transaction(work, settings, tenantId),
    entities: (tenantId, work) =>
      transaction(
        async ({ client }) => {
          // One each: a used one would answer from its identity map what another tenant has read.
          const em = orm.em.fork();
          em.setTransactionContext(entityConnection(client));
          const value = await work(em);
          await em.flush();
          return value;
        },
        {},
        tenantId,
      ),
    query: async (statement, parameters) => {
      const client = await acquire();
      let lost = false;
      try {
        return await requireReplication(() => run(client, statement, parameters));
      } catch (error) {
        lost = isConnectionLost(error);
        throw toDomainError(error);
      } finally {
        client.release(lost);
      }
    },
    listen: (channel, handlers) =>
      listen(
        { ...connection, application_name: `${options.applicationName} listen` },
        channel,
        handlers,
        logger,
      ),
    close: async () => {
      await orm.close();
      // MikroORM ends the pool only if it has used it itself.
      if (!pool.ending) await pool.end();
    },
  };
}

async function run<Row extends object>(
  client: PoolClient,
  statement: Statement,
  parameters: readonly unknown[] = [],
): Promise<Result<Row>> {
  const query = typeof statement === 'string' ? { text: statement } : statement;
  const result = await client.query<Row>({ ...query, values: [...parameters], types: VALUE_TYPES });
  return { rows: result.rows, rowCount: result.rowCount ?? 0 };
}

/** A tenant's id becomes part of a statement, so nothing but a UUID may pass. */
function parseTenantId(tenantId: string): string {
  if (!UUID.test(tenantId)) throw new Error(`Not a tenant's id: ${JSON.stringify(tenantId)}`);
  return tenantId;
}
