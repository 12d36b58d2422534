import { defineMigration } from '@parley/database';
import { projectionMigration } from '@parley/projection';

/** How far the projections of this schema are. */
export const createProjections = defineMigration('0004-create-projections', projectionMigration('metrics'));
