import { randomBytes } from 'node:crypto';
import { acceptServices, cacheResolver, createLocalResolver, createPositionSealer } from '@parley/access';
import type { CredentialResolver } from '@parley/access';
import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { CollectionService } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { ErasureService } from '@parley/contracts/parley/ingestion/v1/erasure_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { LanguageService } from '@parley/contracts/parley/ingestion/v1/language_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { createEndpointRules, createSealer } from '@parley/outbound';
import { createProjectionReader, createProjectionRuntime } from '@parley/projection';
import type { ProjectionRuntime } from '@parley/projection';
import { createMessageValidator } from '@parley/rpc';
import { createClosers } from '@parley/runtime';
import type { ErasureCoordinator, Service, ServiceDependencies } from '@parley/service';
import { announceHealth } from './announce-health.ts';
import { erasureServices } from './config.ts';
import type { IngestionConfig } from './config.ts';
import { startEraser } from './eraser.ts';
import type { EventLog } from './event-log/event-log.ts';
import { armFailpoint } from './event-log/failpoint.ts';
import { askEndpoint } from './language/ask-endpoint.ts';
import { startLateReader } from './language/late-reader.ts';
import { createReadingPool } from './language/reading-pool.ts';
import { createModelLoader, createTenantReader } from './language/tenant-reader.ts';
import { createTraining } from './language/training.ts';
import { startMonthKeeper } from './month-keeper.ts';
import { openPostgresEventLog } from './event-log/postgres-event-log.ts';
import { startTicker } from './event-log/ticker.ts';
import { createPrivacyGate } from './privacy/privacy-gate.ts';
import { readModelName, readModelProjection } from './read-model/read-model-projection.ts';
import { startRetentionKeeper } from './retention-keeper.ts';
import { ingestionAccess } from './rpc/access-policy.ts';
import { createAccessRoutes } from './rpc/access-routes.ts';
import { createConsentRoutes } from './rpc/consent-routes.ts';
import { createConfirmationRoutes, createErasureRoutes } from './rpc/erasure-routes.ts';
import { createEventCheck } from './rpc/check-event.ts';
import { createExporting } from './rpc/collection-routes.ts';
import { createExamining } from './rpc/examine-routes.ts';
import { createEventLogRoutes } from './rpc/event-log-routes.ts';
import { createExportSlots } from './rpc/export-slots.ts';
import { createMemberExport } from './rpc/member-export-routes.ts';
import { createLanguageRoutes } from './rpc/language-routes.ts';
import { createQuarantineRoutes } from './rpc/quarantine-routes.ts';
import { createReading } from './rpc/reading-routes.ts';
import { createRawRecording, createRecording } from './rpc/recording-routes.ts';
import { createRetentionRoutes } from './rpc/retention-routes.ts';
import { createTenantRoutes } from './rpc/tenant-routes.ts';
import { createTextReadAudit } from './rpc/text-read-audit.ts';
import { createTextReadListing } from './rpc/text-read-routes.ts';
import { createBotRegister } from './storage/bot-register.ts';
import { createCollectionCounts } from './storage/collection-counts.ts';
import { createErasureStore } from './storage/erasure-store.ts';
import { createKeyDirectory } from './storage/key-directory.ts';
import { createKeyUses } from './storage/key-uses.ts';
import { createLanguageStore } from './storage/language-store.ts';
import { openDatabases } from './storage/open-databases.ts';
import { createPrivacyStore } from './storage/privacy-store.ts';
import { createQuarantineStore } from './storage/quarantine-store.ts';
import { createReadingCursors } from './storage/reading-cursors.ts';
import { createRetentionStore } from './storage/retention-store.ts';
import { createTenantStore } from './storage/tenant-store.ts';
import { createTextReadStore } from './storage/text-read-store.ts';
import { createErasureCoordinator } from './use-cases/confirm-erasure.ts';
import { createUnderstand } from './use-cases/understand-candidates.ts';
import { createUuidV7 } from './uuid-v7.ts';

export interface IngestionDependencies extends ServiceDependencies {
  /** Ends the process at a failpoint, as `kill -9` does. */
  readonly kill: () => void;
}

/** The service, running, without a port of its own. */
export interface RunningIngestion extends Service {
  readonly projections: ProjectionRuntime;
  /** Knows every credential; for the server that serves the routes. */
  readonly resolver: CredentialResolver;
  /** For projections of other services in the same process. */
  readonly log: EventLog;
  /** For services in the same process, which confirm erasures. */
  readonly erasures: ErasureCoordinator;
}

const closeMs = 20_000;
const exportsAtOnce = 4;
/** One reads more than a core writes. */
const readingThreads = 1;

const ingestionServices = [
  ...[IngestionService, CollectionService, QuarantineService, LanguageService, PrivacyService],
  ...[TenantService, AccessService, EventLogService, ErasureService],
];

/**
 * Composes the service over a database that has been migrated, which need not be there yet: the services are healthy
 * once it is. Closing drains what is being written.
 */
export async function createIngestionService(
  config: IngestionConfig,
  { now, logger, health, holder, kill }: IngestionDependencies,
): Promise<RunningIngestion> {
  const closers = createClosers(logger);
  const { app, worker, append, owner } = await openDatabases(config, { logger, closers });
  const reach = armFailpoint(config.failpoint, kill);

  const gate = createPrivacyGate(worker);
  const log = openPostgresEventLog({ append, worker, rules: gate, logger, reach });
  closers.push('event log', () => log.close());
  const months = startMonthKeeper(owner, now, logger);
  closers.push('months', () => months.close());
  const ticker = startTicker(log, now, logger);
  closers.push('ticker', () => ticker.close());

  const keyUses = createKeyUses({ worker, now, logger });
  closers.push('key uses', () => keyUses.close());
  const local = createLocalResolver({
    operatorKey: config.operatorKey,
    directory: createKeyDirectory(worker, now),
  });
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
    nightly: config.verifyAtHour === undefined ? undefined : { atHour: config.verifyAtHour },
  });
  projections.start();
  closers.push('projections', () => projections.close());

  const random = (size: number) => randomBytes(size);
  const newId = createUuidV7(now, random);
  const positions = createPositionSealer(config.serviceSecret);
  const quarantine = createQuarantineStore({ app, newId });
  const check = createEventCheck({ validator: createMessageValidator(), now, newEventId: newId });
  const counts = createCollectionCounts({ worker, now, logger });
  closers.push('collection counts', () => counts.close());
  const sealer = createSealer(config.serviceSecret, 'parley model endpoint tokens');
  const languages = createLanguageStore({ app, sealer });
  const pool = createReadingPool({
    threads: readingThreads,
    loadModel: createModelLoader(languages),
    logger,
  });
  closers.push('reading threads', () => pool.close());
  const training = createTraining();
  closers.push('training', () => training.close());
  const tenantReader = createTenantReader({ store: languages, pool, now });
  const { privateRanges, ca } = config.modelEndpoints ?? { privateRanges: [], ca: undefined };
  const endpointRules = createEndpointRules(privateRanges);
  const lateReader = startLateReader({
    log,
    cursors: createReadingCursors(worker, holder),
    reader: tenantReader,
    ask: (endpoint, questions, signal) =>
      askEndpoint(endpoint, questions, { rules: endpointRules, ca, signal }),
    now,
    logger,
    reach,
  });
  closers.push('late reading', () => lateReader.close());
  const understand = createUnderstand(tenantReader, logger);

  const bots = createBotRegister(app);
  const recording = { log, quarantine, gate, positions, counts, now, check, bots, understand };
  const reader = createProjectionReader({
    db: app,
    projection: readModelName,
    progress: projections.progress,
  });
  const tenants = createTenantStore({ app, worker });
  const textReads = createTextReadStore({ app, worker });
  const audit = createTextReadAudit({ textReads, now, newId });
  const slots = createExportSlots(exportsAtOnce);
  const privacy = createPrivacyStore({ app, worker, append, random });
  const confirming = config.erasureServices ?? erasureServices;
  const eraser = startEraser(
    {
      worker,
      append,
      log,
      gate,
      privacy,
      model: readModelProjection,
      isPast: (partition, offset) => projections.isPast(partition, offset),
      services: confirming,
      holder,
      now,
      reach,
    },
    logger,
  );
  closers.push('eraser', () => eraser.close());
  const wake = () => eraser.wake();
  const erasures = createErasureCoordinator(worker, wake);
  const erasing = createErasureRoutes({
    privacy,
    erasures: createErasureStore({ app, append }),
    services: confirming,
    now,
    newId,
    wake,
  });
  const retention = createRetentionRoutes({ worker, retentions: createRetentionStore(app), privacy, now });
  const consents = createConsentRoutes({ log, privacy, positions, now, newId });
  const retentionKeeper = startRetentionKeeper({ worker, append, owner, now, newId, reach }, logger);
  closers.push('retention', () => retentionKeeper.close());

  const announcement = announceHealth({
    services: ingestionServices.map(({ typeName }) => typeName),
    health,
    log,
    projections,
    logger,
  });
  closers.push('health', () => announcement.close());
  return {
    routes(router) {
      router
        .service(IngestionService, {
          ...createRecording(recording),
          ...createReading({ reader, positions, audit, privacy }),
        })
        .service(
          TenantService,
          createTenantRoutes({ tenants, now, random, newId, forgetCallers: () => remembered.forget() }),
        )
        .service(QuarantineService, createQuarantineRoutes({ ...recording, audit }))
        .service(AccessService, createAccessRoutes(noted))
        .service(EventLogService, createEventLogRoutes(log))
        .service(ErasureService, createConfirmationRoutes(erasures))
        .service(CollectionService, {
          ...createExamining({ reader, positions, counts, privacy, now }),
          ...createExporting({ reader, positions, slots, audit, privacy }),
        })
        .rpc(PrivacyService.method.setConsent, consents.setConsent)
        .rpc(PrivacyService.method.getConsent, consents.getConsent)
        .rpc(PrivacyService.method.eraseMember, erasing.eraseMember)
        .rpc(PrivacyService.method.getErasure, erasing.getErasure)
        .rpc(PrivacyService.method.listErasures, erasing.listErasures)
        .rpc(PrivacyService.method.getPrivacySettings, retention.getPrivacySettings)
        .rpc(PrivacyService.method.updatePrivacySettings, retention.updatePrivacySettings)
        .rpc(PrivacyService.method.previewRetention, retention.previewRetention)
        .rpc(PrivacyService.method.listRetentionRuns, retention.listRetentionRuns)
        .rpc(PrivacyService.method.exportMember, createMemberExport({ reader, log, slots, audit, privacy }))
        .service(
          LanguageService,
          createLanguageRoutes({ store: languages, reader: tenantReader, training, endpointRules, now }),
        )
        .rpc(PrivacyService.method.listTextReads, createTextReadListing(textReads));
    },
    binaryRoutes: createRawRecording(recording),
    access: ingestionAccess,
    resolver: acceptServices(config.serviceSecret, remembered),
    log,
    erasures,
    projections,
    close: async () => {
      await closers.close(closeMs);
    },
  };
}
