import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { createLogger, type Logger } from '@parley/runtime';
import { onTestFinished } from 'vitest';
import {
  createHealthRegistry,
  startRpcServer,
  type HealthRegistry,
  type RpcServer,
  type RpcServerOptions,
} from '../src/index.ts';
import { access, resolver, routes } from './service-under-test.ts';

export { access, endedTails, resolver, routes } from './service-under-test.ts';

export interface TestServer extends RpcServer {
  readonly health: HealthRegistry;
  /** The lines of the log, each parsed. */
  readonly lines: Record<string, unknown>[];
}

export function memoryLogger(lines: Record<string, unknown>[]): Logger {
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return createLogger({ service: 'test', level: 'debug', destination: { write } });
}

/** A server for this test, closed when it is over. */
export async function startServer(options: Partial<RpcServerOptions> = {}): Promise<TestServer> {
  const lines: Record<string, unknown>[] = [];
  const health = createHealthRegistry();
  health.set(IngestionService.typeName, 'serving');
  const server = await startRpcServer({
    port: 0,
    routes,
    access,
    resolver,
    health,
    logger: memoryLogger(lines),
    now: () => new Date(),
    ...options,
  });
  onTestFinished(() => server.close(100));
  return { ...server, health, lines };
}

/** A request as the guide's simplest interaction. */
export const interaction = {
  eventId: 'e-1',
  interaction: { botId: 'bot-1', memberId: 'm-1', messageText: 'hello' },
};

export interface RawAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The code of RST_STREAM; 0 when the stream ended by itself. */
  readonly rstCode: number;
}

/** An HTTP/2 connection of plain Node, for bytes that no client of gRPC would send. */
export function openHttp2(url: string): ClientHttp2Session {
  // Or Node's client would refuse to hold what a test sends.
  const session = connectHttp2(url, { maxSessionMemory: 1000 });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

/** Sends these bytes to a path and gives what came back. */
export async function rawCall(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>>,
  bytes: Uint8Array,
): Promise<RawAnswer> {
  const stream = session.request({ ':method': 'POST', ':path': path, te: 'trailers', ...headers });
  const answer = answerOf(stream);
  stream.end(bytes);
  return answer;
}

/** What a stream of plain Node gets back, until it is closed. */
export async function answerOf(stream: ReturnType<ClientHttp2Session['request']>): Promise<RawAnswer> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (h) => (headers = h));
  stream.on('trailers', (h) => (trailers = h));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('close', resolve));
  return { headers, trailers, body: Buffer.concat(chunks), rstCode: stream.rstCode ?? 0 };
}

/** A gRPC envelope. */
export function envelope(payload: Uint8Array, { flags = 0, length = payload.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, payload]);
}

/** The gRPC status of an answer, wherever it stands. */
export function grpcStatusOf({ headers, trailers, body }: RawAnswer): number {
  const inBody = /grpc-status: ?(\d+)/.exec(body.toString('latin1'))?.[1];
  return Number(trailers['grpc-status'] ?? headers['grpc-status'] ?? inBody ?? Number.NaN);
}

/** A bare TCP connection. */
export async function openTcp(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** How long a socket stays open from now, in ms, closed or reset. */
export function lifeOf(socket: Socket): Promise<number> {
  const before = performance.now();
  socket.resume();
  // `once` would reject on the reset of one that still writes.
  return new Promise((resolve) => socket.once('close', () => resolve(performance.now() - before)));
}

/** The answers of a stream one by one. */
export function answersOf<Value>(stream: AsyncIterable<Value>): AsyncIterator<Value> {
  return stream[Symbol.asyncIterator]();
}
