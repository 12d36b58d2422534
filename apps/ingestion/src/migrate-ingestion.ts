import { migrateService, openRole } from '@parley/service';
import type { MigrateOptions } from '@parley/service';
import { ensureMonths } from './event-log/months.ts';
import { migrations } from './storage/migrations/index.ts';

/** The service's name and that of its schema. */
export const service = 'ingestion';

/** Makes roles, schema, tables and the months of the log, or brings them up to date. May be repeated, also at once. */
export async function migrateIngestion({
  adminUrl,
  databaseSecret,
  logger,
  now,
}: MigrateOptions): Promise<void> {
  const roles = ['app', 'worker', 'append'] as const;
  await migrateService({ service, roles, migrations, adminUrl, databaseSecret, logger });
  const owner = await openRole(
    { databaseUrl: adminUrl, databaseSecret },
    { service, kind: 'owner', poolSize: 1, logger },
  );
  try {
    await ensureMonths(owner, now());
  } finally {
    await owner.close();
  }
}
