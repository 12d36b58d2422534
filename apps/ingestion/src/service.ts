import { randomBytes } from 'node:crypto';
import { acceptServices, cacheResolver, createLocalResolver, createPositionSealer } from '@parley/access';
import type { CredentialResolver } from '@parley/access';
import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import type { Database, RoleKind } from '@parley/database';
import { createProjectionReader, createProjectionRuntime } from '@parley/projection';
import type { ProjectionRuntime } from '@parley/projection';
import { createMessageValidator } from '@parley/rpc';
import type { AccessPolicy, HealthRegistry, Routes } from '@parley/rpc';
import { createClosers } from '@parley/runtime';
import type { Logger, Now } from '@parley/runtime';
import { announceHealth } from './announce-health.ts';
import type { IngestionConfig } from './config.ts';
import type { EventLog } from './event-log/event-log.ts';
import { armFailpoint } from './event-log/failpoint.ts';
import { startMonthKeeper } from './month-keeper.ts';
import { appendConnections, openPostgresEventLog } from './event-log/postgres-event-log.ts';
import { startTicker } from './event-log/ticker.ts';
import { readModelName, readModelProjection } from './read-model/read-model-projection.ts';
import { ingestionAccess } from './rpc/access-policy.ts';
import { createAccessRoutes } from './rpc/access-routes.ts';
import { createEventCheck } from './rpc/check-event.ts';
import { createEventLogRoutes } from './rpc/event-log-routes.ts';
import { addPrivacyRoutes } from './rpc/privacy-routes.ts';
import { createQuarantineRoutes } from './rpc/quarantine-routes.ts';
import { createReading } from './rpc/reading-routes.ts';
import { createRawRecording, createRecording } from './rpc/recording-routes.ts';
import { createTenantRoutes } from './rpc/tenant-routes.ts';
import { createKeyDirectory } from './storage/key-directory.ts';
import { createKeyUses } from './storage/key-uses.ts';
import { openRole } from './storage/open-role.ts';
import { createQuarantineStore } from './storage/quarantine-store.ts';
import { createTenantStore } from './storage/tenant-store.ts';
import { createUuidV7 } from './uuid-v7.ts';

export interface IngestionDependencies {
  readonly now: Now;
  readonly logger: Logger;
  /** Told when the services serve. */
  readonly health: HealthRegistry;
  /** Names this process among those that run the same projections; no two at once may share it. */
  readonly holder: string;
  /** Ends the process at a failpoint, as `kill -9` does. */
  readonly kill: () => void;
}

/** The service, running, without a port of its own. */
export interface IngestionService {
  readonly routes: Routes;
  /** For requests that are not JSON; see `RpcServerOptions`. */
  readonly binaryRoutes: Routes;
  readonly access: AccessPolicy;
  /** Knows every credential; for the server that serves the routes. */
  readonly resolver: CredentialResolver;
  /** For projections of other services in the same process. */
  readonly log: EventLog;
  readonly projections: ProjectionRuntime;
  /** Drains what is being written, stops all that runs and closes the database. Stop the server before. */
  close(): Promise<void>;
}

/** How many connections each role holds at most. */
const connections = { app: 12, worker: 16, owner: 1 };
const closeMs = 20_000;

/** Composes the service over a database that has been migrated. The database need not be there yet. */
export async function createIngestionService(
  { databaseUrl, databaseSecret, operatorKey, serviceSecret, failpoint }: IngestionConfig,
  { now, logger, health, holder, kill }: IngestionDependencies,
): Promise<IngestionService> {
  const closers = createClosers(logger);
  const open = async (kind: RoleKind, poolSize: number): Promise<Database> => {
    const database = await openRole({ databaseUrl, databaseSecret, logger }, kind, poolSize);
    closers.push(`connections of ${kind}`, () => database.close());
    return database;
  };
  const reach = armFailpoint(failpoint, kill);
  const app = await open('app', connections.app);
  const worker = await open('worker', connections.worker);
  const owner = await open('owner', connections.owner);
  const append = await open('append', appendConnections);

  const log = openPostgresEventLog({ append, worker, logger, reach });
  closers.push('event log', () => log.close());
  const months = startMonthKeeper(owner, now, logger);
  closers.push('months', () => months.close());
  const ticker = startTicker(log, now, logger);
  closers.push('ticker', () => ticker.close());

  const keyUses = createKeyUses({ worker, now, logger });
  closers.push('key uses', () => keyUses.close());
  const local = createLocalResolver({ operatorKey, directory: createKeyDirectory(worker) });
  const noted: CredentialResolver = {
    async resolve(credential, tenantName, signal) {
      const caller = await local.resolve(credential, tenantName, signal);
      if (caller?.kind === 'tenant') keyUses.note(caller.keyId);
      return caller;
    },
  };
  const remembered = cacheResolver(noted, { now });

  const projections = createProjectionRuntime({
    db: worker,
    source: log,
    projections: [readModelProjection],
    holder,
    now,
    logger,
  });
  projections.start();
  closers.push('projections', () => projections.close());

  const random = (size: number) => randomBytes(size);
  const newId = createUuidV7(now, random);
  const positions = createPositionSealer(serviceSecret);
  const quarantine = createQuarantineStore({ app, newId });
  const check = createEventCheck({ validator: createMessageValidator(), now, newEventId: newId });
  const recording = { log, quarantine, positions, now, check };
  const reader = createProjectionReader({
    db: app,
    projection: readModelName,
    progress: projections.progress,
  });
  const tenants = createTenantStore({ app, worker });

  const services = [IngestionService, TenantService, QuarantineService, AccessService, EventLogService];
  const announcement = announceHealth({
    services: services.map(({ typeName }) => typeName),
    health,
    log,
    projections,
    logger,
  });
  closers.push('health', () => announcement.close());
  return {
    routes(router) {
      router
        .service(IngestionService, { ...createRecording(recording), ...createReading({ reader, positions }) })
        .service(
          TenantService,
          createTenantRoutes({ tenants, now, random, newId, forgetCallers: () => remembered.forget() }),
        )
        .service(QuarantineService, createQuarantineRoutes(recording))
        .service(AccessService, createAccessRoutes(noted))
        .service(EventLogService, createEventLogRoutes(log));
      addPrivacyRoutes(router);
    },
    binaryRoutes: createRawRecording(recording),
    access: ingestionAccess,
    resolver: acceptServices(serviceSecret, remembered),
    log,
    projections,
    close: async () => {
      await closers.close(closeMs);
    },
  };
}
