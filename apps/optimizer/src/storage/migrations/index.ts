import type { NamedMigration } from '@parley/database';
import { createRecommendations } from './0001-create-recommendations.ts';

/** In the order in which they are applied. */
export const migrations: readonly NamedMigration[] = [createRecommendations];
