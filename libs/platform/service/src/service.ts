import type { Interceptor } from '@connectrpc/connect';
import type { CredentialResolver } from '@parley/access';
import type { ProjectionRuntime } from '@parley/projection';
import { projectionAccess, projectionRoutes } from '@parley/projection';
import {
  startRpcServer,
  type AccessPolicy,
  type HealthRegistry,
  type Routes,
  type RpcServer,
} from '@parley/rpc';
import type { Logger, Now } from '@parley/runtime';

/** What every service is given by the process that it runs in. */
export interface ServiceDependencies {
  readonly now: Now;
  readonly logger: Logger;
  readonly health: HealthRegistry;
  /** Names this process among those that run the same projections; no two at once may share it. */
  readonly holder: string;
}

/** A service, running, without a port of its own. */
export interface Service {
  readonly routes: Routes;
  /** For requests that are not JSON; see `RpcServerOptions`. */
  readonly binaryRoutes?: Routes;
  readonly access: AccessPolicy;
  /** Around the calls of all services of the process, next to their handlers. */
  readonly interceptor?: Interceptor;
  /** Absent: it computes nothing from the log. */
  readonly projections?: ProjectionRuntime;
  /** Stops all that runs and closes the database. Stop the server before. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** All that this process serves. */
  readonly services: readonly Service[];
  readonly resolver: CredentialResolver;
  readonly health: HealthRegistry;
  readonly logger: Logger;
  readonly now: Now;
}

/**
 * Serves one or several services on one port, with ProjectionService over their projections; where there are none, it
 * says so, so that whoever asks every service for them need not know which ones have some.
 */
export function serve({ services, ...options }: ServeOptions): Promise<RpcServer> {
  const runtimes = services.flatMap(({ projections }) => projections ?? []);
  const binaryRoutes = services.flatMap((service) => service.binaryRoutes ?? []);
  return startRpcServer({
    ...options,
    interceptors: services.flatMap(({ interceptor }) => interceptor ?? []),
    routes: (router) => {
      for (const { routes } of services) routes(router);
      projectionRoutes(runtimes)(router);
    },
    binaryRoutes: (router) => {
      for (const routes of binaryRoutes) routes(router);
    },
    access: services.reduce<AccessPolicy>(
      (policy, { access }) => ({ ...policy, ...access }),
      projectionAccess,
    ),
  });
}
