import type { NamedMigration } from '@parley/database';
import { createEventLog } from './0001-create-event-log.ts';
import { reserveOffsets } from './0002-reserve-offsets.ts';

/** The steps of the schema, in the order in which they are applied; none is changed once it is released. */
export const migrations: readonly NamedMigration[] = [createEventLog, reserveOffsets];
