import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { LogEventSchema } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import type {
  EventLogService,
  LogEvent as LogEventMessage,
} from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { DomainError } from '@parley/errors';
import type { LogEvent, LogSource } from '@parley/event';

const usualBatchSize = 1000;
const mostBatchSize = 5000;

/** The log for the other services. The next batch is read only when the reader has taken the last one. */
export function createEventLogRoutes(log: LogSource): ServiceImpl<typeof EventLogService> {
  return {
    async *tail({ partition, afterOffset, maxBatchSize }, context) {
      const { signal } = context;
      const head = (await log.heads(signal)).get(partition);
      if (head === undefined) {
        throw new DomainError(`There is no partition ${partition}.`, {
          kind: 'not-found',
          reason: 'UNKNOWN_PARTITION',
          facts: { partition: String(partition) },
        });
      }
      if (afterOffset > head) {
        throw new DomainError(`The last event of partition ${partition} is ${head}, before ${afterOffset}.`, {
          kind: 'out-of-range',
          reason: 'AHEAD_OF_LOG',
          facts: { partition: String(partition), head_offset: String(head) },
        });
      }
      const batchSize = maxBatchSize === 0 ? usualBatchSize : Math.min(maxBatchSize, mostBatchSize);
      for await (const batch of log.tail({ partition, afterOffset, maxBatchSize: batchSize, signal })) {
        yield { events: batch.events.map(toMessage), headOffset: batch.headOffset };
      }
    },

    async listSeals({ reader, confirmedNumber }, { signal }) {
      const seals = await log.seals({ reader, confirmed: confirmedNumber, signal });
      return {
        seals: seals.map(({ tenantId, receivedBefore, occurredBefore, ...seal }) => ({
          ...seal,
          tenantId: uuidBytes(tenantId),
          receivedBefore: timestampFromDate(receivedBefore),
          occurredBefore: timestampFromDate(occurredBefore),
        })),
      };
    },

    async listPartitions(_request, context) {
      const heads = await log.heads(context.signal);
      return {
        partitions: [...heads]
          .map(([partition, headOffset]) => ({ partition, headOffset }))
          .sort((a, b) => a.partition - b.partition),
      };
    },
  };
}

function toMessage({
  offset,
  tenantId,
  kind,
  eventKey,
  occurredAt,
  receivedAt,
  body,
}: LogEvent): LogEventMessage {
  return create(LogEventSchema, {
    logOffset: offset,
    tenantId: uuidBytes(tenantId),
    kind,
    eventKey: uuidBytes(eventKey),
    occurredAt: timestampFromDate(occurredAt),
    receivedAt: timestampFromDate(receivedAt),
    body,
  });
}

function uuidBytes(uuid: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}
