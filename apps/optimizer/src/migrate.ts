import { migrateService, type MigrateOptions } from '@parley/service';
import { migrations } from './storage/migrations/index.ts';

/** The service's name and that of its schema. */
export const service = 'optimizer';

/** Makes roles, schema and tables, or brings them up to date. May be repeated, also at once. */
export function migrateOptimizer({ adminUrl, databaseSecret, logger }: MigrateOptions): Promise<void> {
  return migrateService({ service, roles: ['app', 'worker'], migrations, adminUrl, databaseSecret, logger });
}
