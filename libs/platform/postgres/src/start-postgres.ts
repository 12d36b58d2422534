import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import { openCluster, SUPERUSER } from './cluster.ts';
import { findInstallation } from './installation.ts';
import { findHolder, spawnPostmaster } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';

export interface PostgresOptions {
  /** Folder of ours alone: the cluster and the superuser's password. Made when missing. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; a free one when not given or 0. */
  readonly port?: number;
  /** Folder with `initdb` and `postgres` (15 or later); the npm package's programs when not given. */
  readonly binDir?: string;
  /** Server settings on top of the defaults, as in postgresql.conf: `{ max_wal_size: '4GB' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly logger: Logger;
}

/** A Postgres server that is our child, and is started again when it dies. */
export interface PostgresServer {
  /** Connects as superuser to the database `postgres`; holds the password. */
  readonly adminUrl: string;
  readonly port: number;
  /** Stops cleanly within 30 s (else at once, with recovery at the next start). May be called twice. */
  stop(): Promise<void>;
  /** For tests: stops at once as a crash would, and returns when the server is gone. It is then restarted. */
  crash(): Promise<void>;
  /** Waits until the server takes connections; throws `unavailable` when it does not within the time. */
  ready(timeoutMs: number): Promise<void>;
}

const DEFAULT_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '256MB',
  min_wal_size: '256MB',
  max_wal_size: '2GB',
  timezone: 'UTC',
  lc_messages: 'C',
  // Statements and details of errors may hold tenants' data; errors reach the log through their callers.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

/** How long a start waits for the remains of an earlier server to go away. */
const TAKEOVER_MS = 30_000;
/** Recovery after a crash replays at most max_wal_size, which takes seconds to a few minutes. */
const RECOVERY_MS = 600_000;
const STOP_MS = 30_000;
const PORT_CHOICES = 5;
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 10_000;
/** A server that lived this long earns a quick restart again. */
const STABLE_MS = 30_000;

/**
 * Starts Postgres on the data in a folder and supervises it: a server that dies (a full disk stops it) is started
 * again with backoff until it comes up. Only 127.0.0.1 is listened on, with passwords.
 *
 * Throws `failed-precondition` whose message says what to do, with reason POSTGRES_UNSUPPORTED_PLATFORM,
 * POSTGRES_NOT_INSTALLED, POSTGRES_OTHER_VERSION, POSTGRES_FOREIGN_DATA, POSTGRES_FOLDER_OF_ANOTHER_USER,
 * POSTGRES_INIT_FAILED, POSTGRES_FOLDER_IN_USE, POSTGRES_PORT_IN_USE or POSTGRES_START_FAILED.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { logger } = options;
  const dataDir = resolve(options.dataDir);
  const installation = await findInstallation(options.binDir);
  const settings: Readonly<Record<string, string>> = { ...DEFAULT_SETTINGS, ...options.settings };
  const cluster = await openCluster({
    dataDir,
    installation,
    isDurable: settings['fsync'] !== 'off',
    logger,
  });
  const mayChoosePort = options.port === undefined || options.port === 0;
  let port = mayChoosePort ? await findFreePort() : options.port;
  const stopping = new AbortController();
  const launch = (): Postmaster =>
    spawnPostmaster(
      cluster,
      installation.postgres,
      { ...settings, listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '' },
      logger,
    );
  const start = (): Promise<Postmaster> =>
    startPostmaster({ cluster: cluster.path, dataDir, port, launch, signal: stopping.signal, logger });

  const startFirst = async (): Promise<Postmaster> => {
    for (let choice = 1; ; choice += 1) {
      try {
        return await start();
      } catch (error) {
        // Somebody took the port between our look and the server's.
        const isTaken = error instanceof DomainError && error.reason === 'POSTGRES_PORT_IN_USE';
        if (!isTaken || !mayChoosePort || choice === PORT_CHOICES) throw error;
        port = await findFreePort();
      }
    }
  };

  let postmaster = await startFirst();
  logger.info({ port, dataDir, version: installation.majorVersion }, 'Postgres is ready');

  const supervise = async (): Promise<void> => {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      const how = await postmaster.exited;
      if (stopping.signal.aborted) return;
      logger.error({ how }, 'Postgres has died');
      if (performance.now() - startedAt > STABLE_MS) backoffMs = FIRST_BACKOFF_MS;
      let next: Postmaster | undefined;
      while (next === undefined) {
        await sleep(backoffMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        if (stopping.signal.aborted) return;
        backoffMs = Math.min(backoffMs * 2, LAST_BACKOFF_MS);
        try {
          next = await start();
        } catch (error) {
          logger.error({ error, backoffMs }, 'Postgres does not start; it is tried again');
        }
      }
      postmaster = next;
      logger.info({ port }, 'Postgres is ready again');
    }
  };
  const supervision = supervise();

  const stop = async (): Promise<void> => {
    stopping.abort();
    await end(postmaster, logger);
    await supervision;
    // One that became ready at the moment of stopping.
    await end(postmaster, logger);
  };
  const ready = async (timeoutMs: number): Promise<void> => {
    const deadline = performance.now() + timeoutMs;
    while (postmaster.hasExited() || !(await postmaster.isReady())) {
      if (performance.now() > deadline) {
        throw new DomainError(`Postgres is not ready after ${timeoutMs} ms.`, {
          kind: 'unavailable',
          reason: 'POSTGRES_NOT_READY',
        });
      }
      await sleep(20);
    }
  };
  const crash = async (): Promise<void> => {
    const crashed = postmaster;
    crashed.signal('SIGQUIT');
    await crashed.exited;
  };
  const adminUrl = `postgresql://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/postgres`;
  return { adminUrl, port, stop, crash, ready };
}

interface StartOptions {
  readonly cluster: string;
  readonly dataDir: string;
  readonly port: number;
  readonly launch: () => Postmaster;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

async function startPostmaster(options: StartOptions): Promise<Postmaster> {
  const { cluster, dataDir, port, launch, signal, logger } = options;
  const takeoverEnd = performance.now() + TAKEOVER_MS;
  await waitForHolder(cluster, dataDir, takeoverEnd, signal, logger);
  for (;;) {
    const postmaster = launch();
    const failure = await waitUntilReady(postmaster, signal, logger);
    if (failure === undefined) return postmaster;
    if (/could not bind|Address already in use/.test(failure)) {
      throw new DomainError(`Port ${port} on 127.0.0.1 is already in use.`, {
        kind: 'failed-precondition',
        reason: 'POSTGRES_PORT_IN_USE',
      });
    }
    // After a kill, backends of the old server live on for a moment and hold its shared memory or lock file.
    const isLeftover = /is still in use|lock file "postmaster.pid"/.test(failure);
    if (!isLeftover || performance.now() > takeoverEnd || signal.aborted) {
      throw new DomainError(`Postgres did not start on ${dataDir}: ${failure}`, {
        kind: 'failed-precondition',
        reason: 'POSTGRES_START_FAILED',
      });
    }
    logger.info({ dataDir }, 'waiting for the remains of an earlier Postgres');
    await sleep(250);
  }
}

async function waitForHolder(
  cluster: string,
  dataDir: string,
  deadline: number,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  let hasSaid = false;
  for (;;) {
    const holder = await findHolder(cluster);
    if (holder === undefined || signal.aborted) return;
    if (performance.now() > deadline) {
      throw new DomainError(`Another Postgres (process ${holder}) runs on ${dataDir}. Stop it first.`, {
        kind: 'failed-precondition',
        reason: 'POSTGRES_FOLDER_IN_USE',
      });
    }
    if (!hasSaid) logger.info({ dataDir, holder }, 'waiting for another Postgres on the same folder to end');
    hasSaid = true;
    await sleep(100);
  }
}

/** Undefined when the server is ready; else how it ended. One that is too slow, or no longer wanted, is stopped. */
async function waitUntilReady(
  postmaster: Postmaster,
  signal: AbortSignal,
  logger: Logger,
): Promise<string | undefined> {
  const startedAt = performance.now();
  let lastSaidAt = startedAt;
  while (!postmaster.hasExited()) {
    if (await postmaster.isReady()) return undefined;
    const now = performance.now();
    if (signal.aborted || now - startedAt > RECOVERY_MS) {
      await end(postmaster, logger);
      return signal.aborted ? 'it was told to stop' : `it was not ready after ${RECOVERY_MS / 1000} s`;
    }
    if (now - lastSaidAt > 5_000) {
      logger.info({ seconds: Math.round((now - startedAt) / 1000) }, 'Postgres is recovering');
      lastSaidAt = now;
    }
    await Promise.race([postmaster.exited, sleep(15)]);
  }
  return postmaster.exited;
}

async function end(postmaster: Postmaster, logger: Logger): Promise<void> {
  const steps = [
    ['SIGINT', STOP_MS],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const;
  for (const [name, waitMs] of steps) {
    if (postmaster.hasExited()) return;
    if (name !== 'SIGINT') logger.warn({ signal: name }, 'Postgres is slow to stop');
    postmaster.signal(name);
    const giveUp = new AbortController();
    await Promise.race([
      postmaster.exited,
      sleep(waitMs, undefined, { signal: giveUp.signal }).catch(() => undefined),
    ]);
    giveUp.abort();
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve: settle, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') reject(new Error('The free port has no number.'));
    else settle(address.port);
  });
  try {
    return await promise;
  } finally {
    server.close();
  }
}
