import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from '@parley/runtime';
import type { RpcLimits } from './limits.ts';
import type { HttpRequest, HttpResponse } from './node-http.ts';

/** PEM texts. With `ca`, clients must show a certificate that it signed. */
export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

export interface OnePortOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsOptions | undefined;
  readonly limits: RpcLimits;
  readonly logger: Logger;
  readonly onRequest: (request: HttpRequest, response: HttpResponse) => void;
}

/** A port that speaks HTTP/1 and HTTP/2, with or without TLS. */
export interface OnePort {
  readonly port: number;
  /** Connections that are open now. */
  connectionCount(): number;
  /**
   * Takes no more connections, asks HTTP/2 clients to go, closes what is idle, lets calls end for `drainMs` and then cuts
   * off what is left.
   */
  close(drainMs: number): Promise<void>;
}

const preface = Buffer.from('PRI ');

/**
 * Opens the port. The `http` server listens (a server that never listened has no time-outs and can't close idle
 * connections), but what it does with a connection waits for the first bytes, which say whether it is HTTP/2.
 */
export async function openOnePort({
  host,
  port,
  tls,
  limits,
  logger,
  onRequest,
}: OnePortOptions): Promise<OnePort> {
  const http = createListener(tls, limits);
  const http2 = createSessions(limits, onRequest, logger);
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();

  http.on('request', onRequest);
  http.maxConnections = limits.maxConnections;
  http.on('tlsClientError', (error: Error) => logger.debug({ error }, 'a TLS handshake failed'));

  const event = tls === undefined ? 'connection' : 'secureConnection';
  const speakHttp1 = http.listeners(event);
  http.removeAllListeners(event);
  http.on(event, (socket: Socket) => {
    const firstRequest = setTimeout(() => socket.destroy(), limits.firstRequestMs);
    sockets.add(socket);
    silent.add(socket);
    socket.once('close', () => {
      clearTimeout(firstRequest);
      sockets.delete(socket);
      silent.delete(socket);
    });
    whenItSpeaks(socket, (isHttp2) => {
      silent.delete(socket);
      if (isHttp2) {
        http2.serve(socket, firstRequest);
      } else {
        // From here on Node's own time-out for headers holds.
        clearTimeout(firstRequest);
        for (const listener of speakHttp1) {
          Reflect.apply(listener, http, [socket]);
        }
      }
    });
  });

  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen({ host, port, backlog: 511 }, () => {
      http.off('error', reject);
      resolve();
    });
  });
  http.on('error', (error) => logger.error({ error }, 'the port failed'));

  return {
    port: portOf(http),
    connectionCount: () => sockets.size,
    async close(drainMs) {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      http2.close();
      // Connections that are answering now become idle later.
      const sweep = setInterval(() => http.closeIdleConnections(), 20);
      http.closeIdleConnections();
      for (const socket of silent) {
        socket.destroy();
      }
      const deadline = setTimeout(() => {
        if (sockets.size > 0) {
          logger.warn({ connections: sockets.size }, 'cutting off connections that did not end');
        }
        for (const socket of sockets) {
          socket.destroy();
        }
      }, drainMs);
      await closed;
      clearInterval(sweep);
      clearTimeout(deadline);
    },
  };
}

function createListener(tls: TlsOptions | undefined, limits: RpcLimits): HttpServer {
  const options = {
    headersTimeout: limits.firstRequestMs,
    // Bodies have their own time-outs, by message; this bounds what nobody reads.
    requestTimeout: limits.idleMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(1000, limits.firstRequestMs),
    maxHeaderSize: limits.maxHeaderBytes,
    // A peer that vanished is noticed also on a stream that sends nothing.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  };
  if (tls === undefined) {
    return createHttpServer(options);
  }
  return createHttpsServer({
    ...options,
    cert: tls.cert,
    key: tls.key,
    ...(tls.ca === undefined ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true }),
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: limits.firstRequestMs,
  });
}

/** Waits for a connection's first bytes, puts them back and says whether they begin HTTP/2's preface. */
function whenItSpeaks(socket: Socket, then: (isHttp2: boolean) => void): void {
  let head = Buffer.alloc(0);
  const onReadable = (): void => {
    for (let chunk: unknown = socket.read(); Buffer.isBuffer(chunk); chunk = socket.read()) {
      head = Buffer.concat([head, chunk]);
    }
    const compared = Math.min(head.length, preface.length);
    const mayBeHttp2 = compared > 0 && head.subarray(0, compared).equals(preface.subarray(0, compared));
    if (head.length === 0 || (mayBeHttp2 && head.length < preface.length)) {
      return;
    }
    stop();
    socket.unshift(head);
    then(mayBeHttp2);
  };
  const onGone = (): void => {
    stop();
    socket.destroy();
  };
  const stop = (): void => {
    socket.off('readable', onReadable).off('end', onGone).off('error', onGone).off('close', stop);
  };
  socket.on('readable', onReadable).on('end', onGone).on('error', onGone).on('close', stop);
}

interface Sessions {
  /** @param firstRequest ends the connection; stopped when it sends a request. */
  serve(socket: Socket, firstRequest: NodeJS.Timeout): void;
  close(): void;
}

/** HTTP/2 connections, each ended when it sends no request in time or has none for too long: Node does neither. */
function createSessions(limits: RpcLimits, onRequest: OnePortOptions['onRequest'], logger: Logger): Sessions {
  const server: Http2Server = createHttp2Server({
    settings: {
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
    streamResetBurst: limits.streamResetBurst,
    streamResetRate: limits.streamResetRate,
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('request', onRequest);
  server.on('sessionError', (error) => logger.debug({ error }, 'an HTTP/2 connection failed'));

  function watch(session: ServerHttp2Session, firstRequest: NodeJS.Timeout): void {
    let timer = firstRequest;
    let streams = 0;
    let second = 0;
    let controlFrames = 0;
    // Node answers each of them; who only sends such frames would keep it busy and its connection alive.
    const countControlFrame = (): void => {
      const now = Math.floor(performance.now() / 1000);
      controlFrames = now === second ? controlFrames + 1 : 1;
      second = now;
      if (controlFrames > limits.maxControlFramesPerSecond) {
        session.destroy(new Error('too many PING or SETTINGS frames'), constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
    };
    session.on('ping', countControlFrame).on('remoteSettings', countControlFrame);
    sessions.add(session);
    session.on('stream', (stream) => {
      streams += 1;
      clearTimeout(timer);
      stream.once('close', () => {
        streams -= 1;
        if (streams === 0 && !session.destroyed) {
          timer = setTimeout(() => session.close(), limits.idleMs);
        }
      });
    });
    session.once('close', () => {
      clearTimeout(timer);
      sessions.delete(session);
    });
  }

  return {
    serve(socket, firstRequest) {
      // The session is made, and told of, before `emit` returns.
      const onSession = (session: ServerHttp2Session): void => watch(session, firstRequest);
      server.once('session', onSession);
      server.emit('connection', socket);
      server.off('session', onSession);
    },
    close() {
      for (const session of sessions) {
        session.close();
      }
    },
  };
}

function portOf(server: HttpServer): number {
  const address: string | AddressInfo | null = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('The server listens on no port.');
  }
  return address.port;
}
