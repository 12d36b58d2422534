import { defineMigration } from '@parley/database';
import { projectionVerificationMigration } from '@parley/projection';

/** What the verifications at night have found. */
export const keepVerifications = defineMigration(
  '0026-keep-verifications',
  projectionVerificationMigration('ingestion'),
);
