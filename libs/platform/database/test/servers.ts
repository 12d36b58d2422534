import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { roleName, rolePassword, roleUrl } from '../src/index.ts';
import type { RoleKind } from '../src/index.ts';
import { startPostgres } from '@parley/postgres';
import type { PostgresServer } from '@parley/postgres';
import { createLogger } from '@parley/runtime';

export const logger = createLogger({ service: 'test', level: 'silent' });

const DEBIAN_15 = '/usr/lib/postgresql/15/bin';

/** The Postgres versions that these tests run on: the embedded one, and Debian's 15 where it is installed. */
export const versions: readonly { readonly name: string; readonly binDir?: string }[] = [
  { name: 'Postgres 18' },
  ...(existsSync(DEBIAN_15) ? [{ name: 'Postgres 15', binDir: DEBIAN_15 }] : []),
];

/** A throw-away server; its data need not survive anything. */
export async function startServer(
  binDir: string | undefined,
): Promise<{ readonly server: PostgresServer; readonly remove: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-database-'));
  const server = await startPostgres({
    dataDir,
    logger,
    settings: { fsync: 'off', shared_buffers: '32MB' },
    ...(binDir === undefined ? {} : { binDir }),
  });
  return {
    server,
    remove: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

const SECRET = 'a secret for tests only';

/** Passwords of all roles of a service. */
export function passwordsOf(service: string): Readonly<Record<RoleKind, string>> {
  const of = (kind: RoleKind): string => rolePassword(SECRET, roleName(service, kind));
  return { owner: of('owner'), app: of('app'), worker: of('worker'), append: of('append') };
}

/** Where a role of a service connects. */
export function urlOf(adminUrl: string, service: string, kind: RoleKind): string {
  return roleUrl(adminUrl, roleName(service, kind), passwordsOf(service)[kind]);
}
