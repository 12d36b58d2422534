import { OptimizerService } from '@parley/contracts/parley/optimizer/v1/optimizer_service';
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
import { optimizerAccess } from './rpc/access-policy.ts';

const appConnections = 4;
const closeMs = 10_000;

export interface OptimizerDependencies extends ServiceDependencies {
  /** Ingestion, to which erasures are confirmed. */
  readonly erasures: ErasureCoordinator;
}

/** Composes the service over a database that has been migrated. Every call of it answers UNIMPLEMENTED so far. */
export async function createOptimizerService(
  config: ServiceConfig,
  { logger, health, erasures }: OptimizerDependencies,
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
  health.set(OptimizerService.typeName, 'serving');
  return {
    // Connect answers UNIMPLEMENTED, naming the call, for what has no implementation.
    routes: (router) => router.service(OptimizerService, {}),
    access: optimizerAccess,
    close: async () => {
      await closers.close(closeMs);
    },
  };
}
