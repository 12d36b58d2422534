import type { NamedMigration } from '@parley/database';
import { createAbTests } from './0001-create-ab-tests.ts';

/** In the order in which they are applied. */
export const migrations: readonly NamedMigration[] = [createAbTests];
