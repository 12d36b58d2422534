import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { Code, ConnectError } from '@connectrpc/connect';
import type {
  EventLogService,
  LogEvent as LogEventMessage,
  RawSeal as RawSealMessage,
} from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { DomainError } from '@parley/errors';
import type { EventKindNumber, LogBatch, LogEvent, LogSource } from '@parley/event';

export interface RemoteLogSourceOptions {
  /** With the service credential. */
  readonly client: Client<typeof EventLogService>;
  /** After how long without a message the stream counts as lost; 15 s unless told, three of the log's heartbeats. */
  readonly stallMs?: number;
}

/** The event log of another process, read by its Tail. Fails where the connection does; whoever reads begins again. */
export function createRemoteLogSource({ client, stallMs = 15_000 }: RemoteLogSourceOptions): LogSource {
  return {
    async heads(signal) {
      const { partitions } = await client.listPartitions({}, { signal });
      return new Map(partitions.map(({ partition, headOffset }) => [partition, headOffset]));
    },

    async seals({ reader, confirmed, signal }) {
      const { seals } = await client.listSeals({ reader, confirmedNumber: confirmed }, { signal });
      return seals.map(toRawSeal);
    },

    async *tail({ signal, afterOffset, ...request }): AsyncGenerator<LogBatch> {
      for (let after = afterOffset; !signal.aborted;) {
        try {
          for await (const batch of readStream(client, { ...request, afterOffset: after }, stallMs, signal)) {
            after = batch.events.at(-1)?.offset ?? after;
            yield batch;
          }
          return;
        } catch (error) {
          if (signal.aborted) return;
          // The server gives streams some hours and ends them then, which is no fault.
          if (ConnectError.from(error).code !== Code.DeadlineExceeded) throw error;
        }
      }
    },
  };
}

async function* readStream(
  client: Client<typeof EventLogService>,
  request: { partition: number; afterOffset: bigint; maxBatchSize: number },
  stallMs: number,
  signal: AbortSignal,
): AsyncGenerator<LogBatch> {
  const stalled = new AbortController();
  const watch = () =>
    setTimeout(() => {
      stalled.abort(
        new DomainError(`The event log was silent for ${stallMs} ms.`, {
          kind: 'unavailable',
          reason: 'LOG_SILENT',
        }),
      );
    }, stallMs);
  let timer = watch();
  try {
    const messages = client.tail(request, {
      signal: AbortSignal.any([signal, stalled.signal]),
      // As long as the server allows.
      timeoutMs: 0,
    });
    for await (const { events, headOffset } of messages) {
      // The reader may take its time.
      clearTimeout(timer);
      yield { events: events.map(toLogEvent), headOffset };
      timer = watch();
    }
  } catch (error) {
    throw stalled.signal.aborted ? stalled.signal.reason : error;
  } finally {
    clearTimeout(timer);
    // A reader who leaves early does not end the call by that: the library would leave it open, unread.
    stalled.abort();
  }
}

function toRawSeal({
  number,
  partition,
  tenantId,
  receivedBefore,
  occurredBefore,
  throughOffset,
}: RawSealMessage) {
  if (receivedBefore === undefined || occurredBefore === undefined) {
    throw new Error(`The log's seal ${number} has no times.`);
  }
  return {
    number,
    partition,
    tenantId: uuidText(tenantId),
    receivedBefore: timestampDate(receivedBefore),
    occurredBefore: timestampDate(occurredBefore),
    throughOffset,
  };
}

function toLogEvent(message: LogEventMessage): LogEvent {
  const { logOffset, occurredAt, receivedAt } = message;
  if (occurredAt === undefined || receivedAt === undefined) {
    throw new Error(`The log's event at ${logOffset} has no times.`);
  }
  return {
    offset: logOffset,
    tenantId: uuidText(message.tenantId),
    // A kind that is newer than this code stays the number that it is; folds pass over what they don't know.
    kind: message.kind as EventKindNumber,
    eventKey: uuidText(message.eventKey),
    occurredAt: timestampDate(occurredAt),
    receivedAt: timestampDate(receivedAt),
    body: message.body,
  };
}

function uuidText(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new Error(`A UUID has 16 bytes; this has ${bytes.length}.`);
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
