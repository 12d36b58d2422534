import { openDatabase, roleName, rolePassword, roleUrl } from '@parley/database';
import type { Database, RoleKind } from '@parley/database';
import type { Logger } from '@parley/runtime';
import { entities } from './entities.ts';

export interface RoleOptions {
  /** The Postgres; its user is replaced. */
  readonly databaseUrl: string;
  /** From which the passwords of the roles are derived. */
  readonly databaseSecret: string;
  readonly logger: Logger;
}

/** Below the 10 s that a call has by default, so that who waits is told why. */
const statementTimeoutMs = 9_000;

/** Opens the schema as one of the service's roles, with at most `poolSize` connections. */
export function openRole(
  { databaseUrl, databaseSecret, logger }: RoleOptions,
  kind: RoleKind,
  poolSize: number,
): Promise<Database> {
  const role = roleName('ingestion', kind);
  return openDatabase({
    url: roleUrl(databaseUrl, role, rolePassword(databaseSecret, role)),
    service: 'ingestion',
    entities,
    poolSize,
    applicationName: role,
    statementTimeoutMs,
    logger,
  });
}
