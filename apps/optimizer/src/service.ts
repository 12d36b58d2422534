import { OptimizerService } from '@parley/contracts/parley/optimizer/v1/optimizer_service';
import { openRole, type Service, type ServiceConfig, type ServiceDependencies } from '@parley/service';
import { createClosers } from '@parley/runtime';
import { service } from './migrate.ts';
import { optimizerAccess } from './rpc/access-policy.ts';

const appConnections = 4;
const closeMs = 10_000;

/** Composes the service over a database that has been migrated. Every call of it answers UNIMPLEMENTED so far. */
export async function createOptimizerService(
  config: ServiceConfig,
  { logger, health }: ServiceDependencies,
): Promise<Service> {
  const closers = createClosers(logger);
  const app = await openRole(config, { service, kind: 'app', poolSize: appConnections, logger });
  closers.push('database', () => app.close());
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
