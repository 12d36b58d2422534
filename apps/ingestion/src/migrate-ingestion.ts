import { bootstrapService, migrate, openDatabase, roleName, rolePassword, roleUrl } from '@parley/database';
import type { RoleKind } from '@parley/database';
import type { Logger, Now } from '@parley/runtime';
import { ensureMonths } from './event-log/months.ts';
import { migrations } from './storage/migrations/index.ts';

/** The service's name and that of its schema. */
export const service = 'ingestion';

export interface MigrateIngestionOptions {
  /** A user that may make roles and schemas. */
  readonly adminUrl: string;
  /** From which the passwords of the roles are derived. */
  readonly databaseSecret: string;
  readonly logger: Logger;
  readonly now: Now;
}

/** Makes roles, schema, tables and the months of the log, or brings them up to date. May be repeated, also at once. */
export async function migrateIngestion({
  adminUrl,
  databaseSecret,
  logger,
  now,
}: MigrateIngestionOptions): Promise<void> {
  const passwordOf = (kind: RoleKind) => rolePassword(databaseSecret, roleName(service, kind));
  const passwords = {
    owner: passwordOf('owner'),
    app: passwordOf('app'),
    worker: passwordOf('worker'),
    append: passwordOf('append'),
  };
  await bootstrapService({ adminUrl, service, passwords });
  const ownerUrl = roleUrl(adminUrl, roleName(service, 'owner'), passwords.owner);
  await migrate({ ownerUrl, service, migrations, logger });
  const owner = await openDatabase({
    url: ownerUrl,
    service,
    poolSize: 1,
    applicationName: 'ingestion migrate',
    statementTimeoutMs: 60_000,
    logger,
  });
  try {
    await ensureMonths(owner, now());
  } finally {
    await owner.close();
  }
}
