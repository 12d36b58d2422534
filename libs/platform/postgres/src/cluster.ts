import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import type { Installation } from './installation.ts';
import { chooseRunner, ignoreMissing, PROGRAM_ENVIRONMENT } from './runner.ts';
import type { Runner } from './runner.ts';

/** The superuser's name in every cluster that we make. */
export const SUPERUSER = 'parley';

/** Lies in the cluster's folder, which only its owner may enter. */
const PASSWORD_FILE = 'superuser-password';

/** A folder that holds a cluster: its files, its superuser's password, and how to run programs on it. */
export interface Cluster {
  readonly path: string;
  readonly password: string;
  readonly runner: Runner;
}

export interface ClusterOptions {
  readonly dataDir: string;
  readonly installation: Installation;
  /** False where losing the data to a power cut is no harm: saves the flush after initdb. */
  readonly isDurable: boolean;
  readonly logger: Logger;
}

/**
 * Opens the cluster in `dataDir`, or makes one. Interrupted at any point, the next call ends what was begun.
 * Throws `failed-precondition` (`POSTGRES_OTHER_VERSION`) when another major version made the data.
 */
export async function openCluster({
  dataDir,
  installation,
  isDurable,
  logger,
}: ClusterOptions): Promise<Cluster> {
  const path = join(dataDir, 'cluster');
  await mkdir(dataDir, { recursive: true });
  const version = (await readAsOwner(join(path, 'PG_VERSION')))?.trim();
  const runner = await chooseRunner(path);
  if (version === undefined) {
    logger.info({ dataDir }, 'creating the database files');
    const password = await createCluster({ path, dataDir, installation, isDurable, runner });
    return { path, password, runner };
  }
  if (version !== String(installation.majorVersion)) {
    throw new DomainError(
      `The data in ${dataDir} was made by Postgres ${version}; this is Postgres ${installation.majorVersion}. ` +
        `Dump it with version ${version} and restore it into an empty folder.`,
      { kind: 'failed-precondition', reason: 'POSTGRES_OTHER_VERSION' },
    );
  }
  const password = await readAsOwner(join(path, PASSWORD_FILE));
  if (password === undefined) {
    throw new DomainError(`The data in ${dataDir} was not made by Parley: it lacks ${PASSWORD_FILE}.`, {
      kind: 'failed-precondition',
      reason: 'POSTGRES_FOREIGN_DATA',
    });
  }
  return { path, password, runner };
}

/** A file's text, undefined when there is none; whose data it is, is said when it can't be read. */
async function readAsOwner(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') {
      throw new DomainError(`${path} belongs to another user; start as the user who made it.`, {
        kind: 'failed-precondition',
        reason: 'POSTGRES_FOLDER_OF_ANOTHER_USER',
        cause: error,
      });
    }
    return ignoreMissing(error);
  }
}

interface CreateOptions {
  readonly path: string;
  readonly dataDir: string;
  readonly installation: Installation;
  readonly isDurable: boolean;
  readonly runner: Runner;
}

async function createCluster(options: CreateOptions): Promise<string> {
  const { path, dataDir, installation, isDurable, runner } = options;
  const password = randomBytes(24).toString('hex');
  // Made aside and renamed when whole, password included, so that a half-made cluster is never taken for one.
  const unfinished = `${path}.unfinished`;
  const passwordForInitdb = `${unfinished}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  if (runner.user !== undefined) await chown(unfinished, runner.user.uid, runner.user.gid);
  await writePrivately(passwordForInitdb, password);
  const [program, ...args] = runner.command(installation.initdb, [
    `--pgdata=${unfinished}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordForInitdb}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Byte order for speed and stability; the builtin provider (17 and later) also knows letters beyond ASCII.
    '--locale=C',
    ...(installation.majorVersion >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    '--data-checksums',
    '--no-instructions',
    ...(isDurable ? [] : ['--no-sync']),
  ]);
  try {
    await promisify(execFile)(program, args, { env: PROGRAM_ENVIRONMENT, cwd: '/', timeout: 120_000 });
    await rename(passwordForInitdb, join(unfinished, PASSWORD_FILE));
    await rename(unfinished, path);
  } catch (cause) {
    throw new DomainError(`Postgres could not create its files in ${dataDir}: ${detailOf(cause)}`, {
      kind: 'failed-precondition',
      reason: 'POSTGRES_INIT_FAILED',
      cause,
    });
  }
  if (isDurable) {
    await flushFolder(path);
    await flushFolder(dataDir);
  }
  return password;
}

async function writePrivately(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder survive a power cut. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function detailOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if ('code' in cause && cause.code === 'ENOENT') return 'setpriv (of util-linux) is not on the path';
  const stderr = 'stderr' in cause ? String(cause.stderr).trim() : '';
  return stderr === '' ? cause.message : stderr;
}
