import type { Database } from '@parley/database';
import type { Closers, Logger } from '@parley/runtime';
import { openRole } from '@parley/service';
import type { ServiceConfig } from '@parley/service';
import { appendConnections } from '../event-log/postgres-event-log.ts';
import { entities } from './entities.ts';

/** The service's schema as each of its roles. */
export interface Databases {
  /** Answers tenants, under row-level security. */
  readonly app: Database;
  /** Sees all tenants: projections, the tail, the look-up of keys. */
  readonly worker: Database;
  /** For the event log's writer alone. */
  readonly append: Database;
  /** For the months of the log alone. */
  readonly owner: Database;
}

/** For changes of what may be stored, beside the log. */
const ruleConnections = 2;
/** How many connections each role holds at most; the projection runtime alone takes 10 of the worker's. */
const poolSizes = { app: 12, worker: 16, append: appendConnections + ruleConnections, owner: 1 };

/** Opens them, and has them closed. The Postgres need not be there yet. */
export async function openDatabases(
  config: ServiceConfig,
  { logger, closers }: { readonly logger: Logger; readonly closers: Closers },
): Promise<Databases> {
  const open = async (kind: keyof Databases): Promise<Database> => {
    const poolSize = poolSizes[kind];
    const database = await openRole(config, { service: 'ingestion', kind, poolSize, entities, logger });
    closers.push(`connections of ${kind}`, () => database.close());
    return database;
  };
  return {
    app: await open('app'),
    worker: await open('worker'),
    append: await open('append'),
    owner: await open('owner'),
  };
}
