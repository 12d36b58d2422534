import { migrateService } from '@parley/service';
import type { MigrateOptions } from '@parley/service';
import { migrations } from './storage/migrations/index.ts';

/** The service's name and that of its schema. */
export const service = 'metrics';

/** Makes roles, schema and tables, or brings them up to date. May be repeated, also at once. */
export function migrateMetrics({ adminUrl, databaseSecret, logger }: MigrateOptions): Promise<void> {
  return migrateService({ service, roles: ['app', 'worker'], migrations, adminUrl, databaseSecret, logger });
}
