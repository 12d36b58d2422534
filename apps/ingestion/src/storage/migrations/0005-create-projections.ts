import { defineMigration } from '@parley/database';
import { projectionMigration } from '@parley/projection';

/** Generations and checkpoints of the read model. */
export const createProjections = defineMigration('0005-create-projections', projectionMigration('ingestion'));
