import { ExperimentService } from '@parley/contracts/parley/experiment/v1/experiment_service';
import {
  openRole,
  startErasureConfirmer,
  type ErasureCoordinator,
  type Service,
  type ServiceConfig,
  type ServiceDependencies,
} from '@parley/service';
import { createClosers } from '@parley/runtime';
import { service } from './migrate.ts';
import { experimentAccess } from './rpc/access-policy.ts';

const appConnections = 4;
const closeMs = 10_000;

export interface ExperimentDependencies extends ServiceDependencies {
  /** Ingestion, to which erasures are confirmed. */
  readonly erasures: ErasureCoordinator;
}

/** Composes the service over a database that has been migrated. Every call of it answers UNIMPLEMENTED so far. */
export async function createExperimentService(
  config: ServiceConfig,
  { logger, health, erasures }: ExperimentDependencies,
): Promise<Service> {
  const closers = createClosers(logger);
  const app = await openRole(config, { service, kind: 'app', poolSize: appConnections, logger });
  closers.push('database', () => app.close());
  // It keeps nothing of anybody yet, so there is nothing to erase.
  const confirmer = startErasureConfirmer({
    coordinator: erasures,
    service,
    isPast: () => Promise.resolve(true),
    finish: () => Promise.resolve([]),
    logger,
  });
  closers.push('erasures', () => confirmer.close());
  health.set(ExperimentService.typeName, 'serving');
  return {
    // Connect answers UNIMPLEMENTED, naming the call, for what has no implementation.
    routes: (router) => router.service(ExperimentService, {}),
    access: experimentAccess,
    close: async () => {
      await closers.close(closeMs);
    },
  };
}
