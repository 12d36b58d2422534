import { randomBytes, randomUUID } from 'node:crypto';
import { createPositionSealer } from '@parley/access';
import { AlertService } from '@parley/contracts/parley/metrics/v1/alert_service';
import { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { SettingsService } from '@parley/contracts/parley/metrics/v1/settings_service';
import type { Database } from '@parley/database';
import type { LogSource } from '@parley/event';
import { createEndpointRules, createSealer } from '@parley/outbound';
import type { EndpointAllowance } from '@parley/outbound';
import { createProjectionReader, createProjectionRuntime } from '@parley/projection';
import type { ProjectionRuntime } from '@parley/projection';
import { createClosers } from '@parley/runtime';
import type { Logger } from '@parley/runtime';
import { openRole, startErasureConfirmer } from '@parley/service';
import type { ErasureCoordinator, Service, ServiceConfig, ServiceDependencies } from '@parley/service';
import { startAlertDeliverer, startAlertKeeper } from './alert-keeper.ts';
import type { MetricsFailpoint } from './config.ts';
import { service } from './migrate.ts';
import { kpiProjection } from './projection/kpi-projection.ts';
import { startReadiness } from './readiness.ts';
import { metricsAccess } from './rpc/access-policy.ts';
import { createAlertRoutes } from './rpc/alert-routes.ts';
import { createCompletenessInterceptor } from './rpc/completeness-interceptor.ts';
import { createMemberRoutes } from './rpc/member-routes.ts';
import { createMetricsRoutes } from './rpc/metrics-routes.ts';
import { createQueryRoutes } from './rpc/query-routes.ts';
import { createSettingsRoutes } from './rpc/settings-routes.ts';
import { createCompletenessTeller } from './use-cases/completeness.ts';
import { finishErasure } from './use-cases/finish-erasure.ts';

export interface MetricsDependencies extends ServiceDependencies {
  /** The event log: ingestion's own in the same process, its Tail elsewhere. */
  readonly source: LogSource;
  /** Ingestion, to which erasures are confirmed. */
  readonly erasures: ErasureCoordinator;
  /** A streaming replica of the database, for reports. */
  readonly readDatabaseUrl?: string | undefined;
  /** Where webhooks may be besides the public internet; nowhere unless told. */
  readonly webhookEndpoints?: EndpointAllowance;
  /** For tests that end the process in the middle of something. */
  readonly reachFailpoint?: (failpoint: MetricsFailpoint) => Promise<void> | void;
}

const appConnections = 12;
const workerConnections = 12;
/** A fold of 5,000 events, or a step of a verification, on a machine that is busy with other things. */
const workerStatementMs = 60_000;
const closeMs = 20_000;

/**
 * Composes the service over a database that has been migrated. Neither the database nor the log need be there yet: it
 * is `serving` once both have answered for the first time.
 */
export async function createMetricsService(
  config: ServiceConfig,
  {
    now,
    logger,
    health,
    source,
    erasures,
    holder,
    readDatabaseUrl,
    webhookEndpoints = { privateRanges: [], ca: undefined },
    reachFailpoint = () => undefined,
  }: MetricsDependencies,
): Promise<Service & { readonly projections: ProjectionRuntime }> {
  const closers = createClosers(logger);
  const app = await openRole(config, { service, kind: 'app', poolSize: appConnections, logger });
  closers.push('connections of app', () => app.close());
  const worker = await openRole(config, {
    service,
    kind: 'worker',
    poolSize: workerConnections,
    statementTimeoutMs: workerStatementMs,
    logger,
  });
  closers.push('connections of worker', () => worker.close());

  const projections = createProjectionRuntime({
    db: worker,
    source,
    projections: [kpiProjection],
    holder,
    now,
    logger,
    nightly: config.verifyAtHour === undefined ? undefined : { atHour: config.verifyAtHour },
    reachFailpoint,
  });
  projections.start();
  closers.push('projections', () => projections.close());

  const confirmer = startErasureConfirmer({
    coordinator: erasures,
    service,
    isPast: (partition, offset) => projections.isPast(partition, offset),
    finish: (erasure) => finishErasure(worker, erasure),
    logger,
  });
  closers.push('erasures', () => confirmer.close());

  const { progress } = projections;
  const standby =
    readDatabaseUrl === undefined ? undefined : await openStandby(config, readDatabaseUrl, logger);
  closers.push('connections of the standby', () => standby?.close());
  const reader = createProjectionReader({
    db: app,
    projection: kpiProjection.name,
    progress,
    standby: standby && { db: standby, logger },
  });
  const positions = createPositionSealer(config.serviceSecret);

  const sealer = createSealer(config.serviceSecret, 'parley webhook secrets');
  const rules = createEndpointRules(webhookEndpoints.privateRanges);
  const keeper = startAlertKeeper({
    worker,
    reader,
    projection: kpiProjection.name,
    progress,
    holder,
    newId: randomUUID,
    now,
    logger,
    reachFailpoint,
  });
  closers.push('alerts', () => keeper.close());
  const deliverer = startAlertDeliverer({
    worker,
    rules,
    ca: webhookEndpoints.ca,
    sealer,
    now,
    random: Math.random,
    logger,
    reachFailpoint,
  });
  closers.push('webhooks', () => deliverer.close());
  health.set(MetricsService.typeName, 'not-serving');
  const readiness = startReadiness({
    projections,
    logger,
    onReady: () => health.set(MetricsService.typeName, 'serving'),
  });
  closers.push('readiness', () => readiness.close());

  return {
    routes: (router) => {
      const answering = { reader, positions, now };
      router.service(MetricsService, createMetricsRoutes({ ...answering, progress }));
      router.service(AnalysisService, { ...createQueryRoutes(answering), ...createMemberRoutes(answering) });
      router.service(
        AlertService,
        createAlertRoutes({
          db: app,
          positions,
          rules,
          sealer,
          newId: randomUUID,
          newSecret: () => `whsec_${randomBytes(32).toString('base64url')}`,
          now,
        }),
      );
      router.service(SettingsService, createSettingsRoutes({ db: app, now }));
    },
    access: metricsAccess,
    interceptor: createCompletenessInterceptor(createCompletenessTeller(reader, now)),
    projections,
    close: async () => {
      await closers.close(closeMs);
    },
  };
}

function openStandby(config: ServiceConfig, databaseUrl: string, logger: Logger): Promise<Database> {
  return openRole({ ...config, databaseUrl }, { service, kind: 'app', poolSize: appConnections, logger });
}
