import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { Interceptor, Transport } from '@connectrpc/connect';
import { currentRequestContext } from '@parley/runtime';
import { gzip } from './gzip.ts';
import { lostConnectionInterceptor } from './lost-connection-interceptor.ts';
import { requestIdHeader, tenantHeader } from './request-gate.ts';
import { createRetryInterceptor, type RetryOptions } from './retry-interceptor.ts';

export interface TransportOptions {
  /** `http://host:port`, or https. */
  readonly baseUrl: string;
  /** A key or a service's credential. */
  readonly credential: string;
  /** The tenant that the operator acts for. */
  readonly tenant?: string;
  /** Both over HTTP/2. `connect` costs the server a third less for single calls. */
  readonly protocol?: 'grpc' | 'connect';
  readonly useJson?: boolean;
  /** How long a call may take, retries included, where it says nothing else; 10 s unless told, 0 for no limit. */
  readonly defaultTimeoutMs?: number;
  /** Whether answers may come compressed; true unless told. Where the network is near, that costs more than it saves. */
  readonly acceptCompression?: boolean;
  /** How calls are repeated; `false` for not at all. */
  readonly retry?: RetryOptions | false;
  /** PEM texts; needed where the server's certificate is not signed by a public authority, or asks for ours. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Run outside of everything else: the place for metrics and traces. */
  readonly interceptors?: readonly Interceptor[];
}

/** One HTTP/2 connection to a server, opened when it is needed and again when it was lost. */
export interface ClientTransport extends Transport {
  /** Ends open calls and the connection. */
  close(): void;
}

/** Sooner than the server's idle time, so that a call never meets a connection that is just being closed. */
const idleConnectionTimeoutMs = 4 * 60_000;
/** A server that was stopped or vanished is noticed after these, also by a stream that waits. */
const pingIntervalMs = 10_000;
const pingTimeoutMs = 5000;

/**
 * A transport for clients made by `createClient` of Connect. Who leaves a stream before its end (`break`) must abort its
 * signal: the client keeps the call open otherwise, unread.
 */
export function createTransportTo(options: TransportOptions): ClientTransport {
  const { baseUrl, credential, tenant, protocol = 'grpc', retry = {}, defaultTimeoutMs = 10_000 } = options;
  const sessionManager = new Http2SessionManager(
    baseUrl,
    { idleConnectionTimeoutMs, pingIntervalMs, pingTimeoutMs },
    { ...options.tls },
  );

  const identify: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${credential}`);
    if (tenant !== undefined) {
      request.header.set(tenantHeader, tenant);
    }
    const context = currentRequestContext();
    if (context !== undefined) {
      request.header.set(requestIdHeader, context.requestId);
    }
    return next(request);
  };

  const transportOptions = {
    baseUrl,
    httpVersion: '2' as const,
    sessionManager,
    useBinaryFormat: options.useJson !== true,
    acceptCompression: options.acceptCompression === false ? [] : [gzip],
    interceptors: [
      ...(options.interceptors ?? []),
      identify,
      ...(retry === false ? [] : [createRetryInterceptor(retry)]),
      lostConnectionInterceptor,
    ],
    ...(defaultTimeoutMs > 0 ? { defaultTimeoutMs } : {}),
  };
  const transport =
    protocol === 'grpc' ? createGrpcTransport(transportOptions) : createConnectTransport(transportOptions);
  return {
    unary: (...call) => transport.unary(...call),
    stream: (...call) => transport.stream(...call),
    close: () => sessionManager.abort(),
  };
}
