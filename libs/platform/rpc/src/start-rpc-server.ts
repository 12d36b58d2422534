import { setImmediate } from 'node:timers/promises';
import { Code, ConnectError, type ConnectRouterOptions, type Interceptor } from '@connectrpc/connect';
import type { DescMethod } from '@bufbuild/protobuf';
import { createFailureLimiter, type CredentialResolver } from '@parley/access';
import { Health } from '@parley/contracts/grpc/health/v1/health';
import { ServerReflection } from '@parley/contracts/grpc/reflection/v1/reflection';
import { ServerReflection as ServerReflectionAlpha } from '@parley/contracts/grpc/reflection/v1alpha/reflection';
import type { Logger, Now } from '@parley/runtime';
import { publicAccess, type AccessPolicy, type MethodAccess } from './access-policy.ts';
import { deadlineInterceptor } from './deadline-interceptor.ts';
import { errorInterceptor } from './error-interceptor.ts';
import { gzip } from './gzip.ts';
import type { HealthRegistry } from './health-registry.ts';
import { createHealthService } from './health-service.ts';
import { defaultLimits, type RpcLimits } from './limits.ts';
import { createMessageValidator } from './message-validator.ts';
import { sendBody } from './node-http.ts';
import { openOnePort, type TlsOptions } from './one-port.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { createReflectionService } from './reflection-service.ts';
import { registerMethods, type RegisteredMethods, type Routes } from './registered-methods.ts';
import { createRequestGate } from './request-gate.ts';
import { createRequestHandler, type PlainHandler } from './request-handler.ts';
import { createSharedBudget } from './shared-budget.ts';
import { createTenantPlaces } from './tenant-places.ts';
import { createTenantQuota } from './tenant-quota.ts';
import { createValidationInterceptor } from './validation-interceptor.ts';

export interface RpcServerOptions {
  /** The address to listen on; `127.0.0.1` unless told. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly routes: Routes;
  /**
   * Methods that answer instead of those in `routes` when the request is not JSON: for a batch that is read with a raw
   * twin of its message (see `rawTwin`).
   */
  readonly binaryRoutes?: Routes;
  readonly access: AccessPolicy;
  readonly resolver: CredentialResolver;
  readonly health: HealthRegistry;
  readonly limits?: Partial<RpcLimits>;
  /** Whether unknown fields of binary messages are kept; unless told they are dropped, since nothing here knows them. */
  readonly readUnknownFields?: boolean;
  /** Plain HTTP by path, beside `/livez` and `/readyz`. */
  readonly plainHttp?: Readonly<Record<string, PlainHandler>>;
  /** Origins whose scripts may call (`*`: any); none unless told. */
  readonly corsOrigins?: readonly string[];
  readonly tls?: TlsOptions;
  /** Sees every call that was let in, outside of all else: the place for metrics and traces. */
  readonly observer?: Interceptor;
  /** Next to the handlers, after all that the edge checks; the first one is the outermost. */
  readonly interceptors?: readonly Interceptor[];
  readonly logger: Logger;
  readonly now: Now;
}

export interface RpcServer {
  /** Without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Connections that are open now. */
  connectionCount(): number;
  /** Calls that were let in and have not ended. */
  callsInFlight(): number;
  /** Bytes of requests that are held now. */
  bytesInFlight(): number;
  /**
   * Says that it is not serving, ends streams, takes nothing new, lets unary calls end for `drainMs` (5 s unless told)
   * and cuts off what is left.
   */
  close(drainMs?: number): Promise<void>;
}

/**
 * Starts a server that speaks gRPC, gRPC-Web, Connect and plain HTTP on one port, with health and reflection.
 * @throws Error when a method has no access policy, a rule can't be compiled or the port is taken.
 */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { health, logger, now, tls, host = '127.0.0.1' } = options;
  const limits: RpcLimits = { ...defaultLimits, ...options.limits };
  const validator = createMessageValidator();
  const shutdown = new AbortController();
  const calls = createSharedBudget(limits.maxCallsInFlight);
  const bytes = createSharedBudget(limits.maxBytesInFlight);
  const requestGate = createRequestGate({
    resolver: options.resolver,
    failures: createFailureLimiter({ now }),
    rate: createRateLimiter({
      perSecond: limits.callsPerSecond,
      burst: limits.callBurst,
      clockMs: () => performance.now(),
    }),
    quota: createTenantQuota(() => performance.now()),
    places: createTenantPlaces(),
    logger,
  });
  const interceptors: Interceptor[] = [
    ...(options.observer === undefined ? [] : [options.observer]),
    errorInterceptor,
    deadlineInterceptor,
    createValidationInterceptor(validator),
    ...(options.interceptors ?? []),
  ];

  function optionsOf(method: DescMethod, access: MethodAccess): ConnectRouterOptions {
    const { maxMessageDepth: recursionLimit } = limits;
    return {
      interceptors,
      requestGate,
      acceptCompression: [gzip],
      readMaxBytes: access.maxMessageBytes ?? limits.maxMessageBytes,
      jsonOptions: { ignoreUnknownFields: false, recursionLimit },
      binaryOptions: { readUnknownFields: options.readUnknownFields ?? false, recursionLimit },
      // Unary calls are let end; streams would never.
      ...(method.methodKind === 'unary' ? {} : { shutdownSignal: shutdown.signal }),
    };
  }

  const policy: AccessPolicy = {
    ...options.access,
    [Health.typeName]: publicAccess,
    [ServerReflection.typeName]: publicAccess,
    [ServerReflectionAlpha.typeName]: publicAccess,
  };
  const reflectionInfo = ServerReflection.method.serverReflectionInfo;
  // The same messages under an older name.
  const reflectionInfoAlpha = { ...reflectionInfo, parent: ServerReflectionAlpha };
  const reflection = createReflectionService(() => methods.services);
  const methods: RegisteredMethods = registerMethods(
    (router) => {
      options.routes(router);
      router
        .service(Health, createHealthService(health))
        .rpc(reflectionInfo, reflection.serverReflectionInfo)
        .rpc(reflectionInfoAlpha, reflection.serverReflectionInfo);
    },
    policy,
    optionsOf,
  );
  const binaryMethods = registerMethods(options.binaryRoutes ?? (() => undefined), policy, optionsOf);
  validator.warmUp([...methods.inputs, ...binaryMethods.inputs]);

  const onePort = await openOnePort({
    host,
    port: options.port,
    tls,
    limits,
    logger,
    onRequest: createRequestHandler({
      methods,
      binaryMethods,
      plainHttp: new Map<string, PlainHandler>([
        // Alive is who answers this, whatever else is wrong.
        ['/livez', (_request, response) => sendBody(response, 200, 'ok\n')],
        [
          '/readyz',
          (_request, response) => {
            const isReady = health.get('') === 'serving';
            sendBody(response, isReady ? 200 : 503, isReady ? 'ok\n' : 'not ready\n');
          },
        ],
        ...Object.entries(options.plainHttp ?? {}),
      ]),
      corsOrigins: options.corsOrigins ?? [],
      limits,
      calls,
      bytes,
      logger,
    }),
  });

  let closing: Promise<void> | undefined;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${onePort.port}`,
    port: onePort.port,
    connectionCount: () => onePort.connectionCount(),
    callsInFlight: () => calls.taken,
    bytesInFlight: () => bytes.taken,
    close(drainMs = 5000) {
      closing ??= (async () => {
        health.shutDown();
        // Who watches is told before the streams end.
        await setImmediate();
        shutdown.abort(new ConnectError('The server is stopping.', Code.Unavailable));
        await onePort.close(drainMs);
      })();
      return closing;
    },
  };
}
