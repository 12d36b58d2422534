import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { RetryInfoSchema } from '@parley/contracts/google/rpc/error_details';
import { StatusSchema } from '@parley/contracts/google/rpc/status';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { RecordEventsResponse } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Client, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import type { BatchTransport, TransportTarget } from './batch-transport.ts';
import { CallFailure } from './call-failure.ts';
import { millisecondsOf } from './milliseconds-of.ts';

const method = IngestionService.method.recordEvents;
const path = `/${IngestionService.typeName}/${method.name}`;

/** Batches over gRPC by @grpc/grpc-js, which is loaded with the first one; it is the caller's to install. */
export function createGrpcBatchTransport({ url, key }: TransportTarget): BatchTransport {
  let opened: ReturnType<typeof open> | undefined;
  let client: Client | undefined;
  const calls = new Set<ClientUnaryCall>();

  async function open() {
    const grpc = await import('@grpc/grpc-js').catch((cause: unknown) => {
      throw new CallFailure('The transport `grpc` needs the package @grpc/grpc-js beside this one.', {
        code: 12,
        cause,
      });
    });
    const { protocol, hostname, port } = new URL(url);
    const secure = protocol === 'https:';
    client = new grpc.Client(
      `${hostname}:${port || (secure ? '443' : '80')}`,
      secure ? grpc.credentials.createSsl() : grpc.credentials.createInsecure(),
      // Its own pauses between connections, so that ours decide.
      { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1000 },
    );
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${key}`);
    return { client, metadata };
  }

  return {
    async send(request, timeoutMs) {
      opened ??= open();
      const { client, metadata } = await opened.catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      const deadline = Date.now() + timeoutMs;
      return new Promise<RecordEventsResponse>((resolve, reject) => {
        const call = client.makeUnaryRequest(
          path,
          (message: typeof request) => Buffer.from(toBinary(method.input, message)),
          (bytes: Buffer) => fromBinary(method.output, bytes),
          request,
          metadata,
          { deadline },
          (error, response) => {
            calls.delete(call);
            if (response) resolve(response);
            else reject(failureOf(error));
          },
        );
        calls.add(call);
      });
    },
    close() {
      for (const call of calls) call.cancel();
      client?.close();
    },
  };
}

function failureOf(error: ServiceError | null): CallFailure {
  if (!error) return new CallFailure('The call ended without an answer.', { code: 13 });
  const [details] = error.metadata.get('grpc-status-details-bin');
  return new CallFailure(error.details, {
    code: error.code,
    retryAfterMs: typeof details === 'object' ? findRetryMs(details) : undefined,
    cause: error,
  });
}

function findRetryMs(bytes: Uint8Array): number | undefined {
  for (const detail of fromBinary(StatusSchema, bytes).details) {
    const delay = anyUnpack(detail, RetryInfoSchema)?.retryDelay;
    if (delay) return millisecondsOf(delay);
  }
  return undefined;
}
