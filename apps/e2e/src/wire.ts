import { once } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema } from '@parley/contracts/google/rpc/error_details';
import { StatusSchema } from '@parley/contracts/google/rpc/status';

/** An HTTP/2 connection of plain Node, for bytes that no client of gRPC would send. */
export interface Wire {
  call(path: string, body: Uint8Array, options?: WireCallOptions): Promise<WireAnswer>;
  close(): void;
}

export interface WireCallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Leaves the request open after its bytes; with `drip` it sends a byte more each half second. */
  readonly unfinished?: boolean;
  readonly drip?: boolean;
  /** When the caller gives up. */
  readonly timeoutMs?: number;
}

export interface WireAnswer {
  readonly httpStatus: number;
  /** Of gRPC; NaN where there was none. */
  readonly code: number;
  readonly message: string;
  /** The fields that `google.rpc.BadRequest` names. */
  readonly fields: readonly string[];
  readonly body: Buffer;
}

export interface WireOptions {
  /** Which address of this machine it comes from, such as 127.0.0.7. */
  readonly localAddress?: string;
}

export async function openWire(url: string, { localAddress }: WireOptions = {}): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const session = connectHttp2(url, {
    createConnection: () =>
      connectTcp({ host: hostname, port: Number(port), ...(localAddress !== undefined && { localAddress }) }),
  });
  session.on('error', () => undefined);
  await once(session, 'connect');
  return {
    close: () => session.destroy(),
    async call(path, body, { headers, unfinished = false, drip = false, timeoutMs = 20_000 } = {}) {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        te: 'trailers',
        'content-type': 'application/grpc',
        ...headers,
      });
      let head: IncomingHttpHeaders = {};
      let trailers: IncomingHttpHeaders = {};
      const chunks: Buffer[] = [];
      stream.on('response', (received) => (head = received));
      stream.on('trailers', (received) => (trailers = received));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      // A stream that is reset has an answer all the same: what came before.
      stream.on('error', () => undefined);
      const closed = new Promise((resolve) => stream.once('close', resolve));
      const giveUp = setTimeout(() => stream.close(), timeoutMs);
      const dripping = drip ? setInterval(() => stream.write(Buffer.alloc(1)), 500) : undefined;
      if (unfinished) stream.write(body);
      else stream.end(body);
      await closed;
      clearTimeout(giveUp);
      clearInterval(dripping);
      const received = Buffer.concat(chunks);
      const status = (name: string): string | undefined =>
        textOf(trailers[name]) ?? textOf(head[name]) ?? trailerIn(received, name);
      return {
        httpStatus: Number(head[':status'] ?? Number.NaN),
        code: Number(status('grpc-status') ?? Number.NaN),
        message: decodeURIComponent(status('grpc-message') ?? ''),
        fields: fieldsIn(status('grpc-status-details-bin')),
        body: received,
      };
    },
  };
}

/** A message as gRPC frames it. */
export function envelope(payload: Uint8Array, { flags = 0, length = payload.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, payload]);
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** gRPC-Web has its trailers in the body. */
function trailerIn(body: Buffer, name: string): string | undefined {
  return new RegExp(`${name}: ?([^\r\n]*)`, 'i').exec(body.toString('latin1'))?.[1];
}

function fieldsIn(details: string | undefined): string[] {
  if (details === undefined) return [];
  const status = fromBinary(StatusSchema, Buffer.from(details, 'base64'));
  return status.details.flatMap(
    (detail) => anyUnpack(detail, BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? [],
  );
}
