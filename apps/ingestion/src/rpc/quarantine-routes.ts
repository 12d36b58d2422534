import { create, fromBinary, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { EventKind, EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import { QuarantinedEventSchema } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import type {
  QuarantinedEvent as QuarantinedEventMessage,
  QuarantineService,
} from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import type { QuarantinedEvent } from '../storage/quarantine-store.ts';
import { replayQuarantinedEvent } from '../use-cases/replay-quarantined-event.ts';
import { toEventResult } from './event-result.ts';
import type { ReplayDependencies } from '../use-cases/replay-quarantined-event.ts';
import type { EventCheck } from './check-event.ts';
import type { AuditTextReads } from './text-read-audit.ts';

/** What could not be accepted. */
export function createQuarantineRoutes(
  dependencies: ReplayDependencies & { readonly check: EventCheck; readonly audit: AuditTextReads },
): ServiceImpl<typeof QuarantineService> {
  const { quarantine, check, audit } = dependencies;
  return {
    async listQuarantinedEvents({ pageSize, pageToken, reason }, context) {
      const tenant = tenantOf(context);
      const filters = ['quarantine', tenant.tenantId, reason];
      const limit = pageSizeOf(pageSize, { usual: 50 });
      const cursor = readPageToken(pageToken, filters, 2);
      const after = cursor && { receivedAt: readTokenTime(cursor[0]), quarantineId: cursor[1] ?? '' };
      const found = await quarantine.list(tenant, { reason: reason || undefined, after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        quarantinedEvents: page.map(toMessage),
        nextPageToken:
          last === undefined
            ? ''
            : writePageToken(filters, [String(last.receivedAt.getTime()), last.quarantineId]),
      };
    },

    async getQuarantinedEvent({ quarantineId }, context) {
      const found = await quarantine.get(tenantOf(context), quarantineId);
      const event = readEvent(found.body);
      // Whatever its bytes are, they may hold what somebody wrote.
      await audit(context, { quarantine_id: quarantineId }).gives(1);
      return {
        quarantinedEvent: { ...toMessage(found), body: Uint8Array.from(found.body), ...(event && { event }) },
      };
    },

    async replayQuarantinedEvent({ quarantineId, event }, context) {
      const tenant = tenantOf(context);
      const result = await replayQuarantinedEvent(
        dependencies,
        tenant,
        quarantineId,
        ({ body, receivedAt }) => check.waited(tenant, event ?? body, receivedAt),
        context.signal,
      );
      return { result: toEventResult(result) };
    },

    async discardQuarantinedEvent({ quarantineId }, context) {
      await quarantine.remove(tenantOf(context), quarantineId);
      return {};
    },
  };
}

function toMessage(event: QuarantinedEvent): QuarantinedEventMessage {
  const { quarantineId, receivedAt, eventId, kind, reason, message, violations } = event;
  return create(QuarantinedEventSchema, {
    quarantineId,
    receivedAt: timestampFromDate(receivedAt),
    eventId,
    kind: kind ?? EventKind.UNSPECIFIED,
    reason,
    message,
    fieldViolations: violations.map(({ field, description }) => ({ field, description })),
  });
}

/** The event, where the bytes can be read, and hold nothing that an answer in JSON can't. */
function readEvent(bytes: Uint8Array): Event | undefined {
  try {
    const event = fromBinary(EventSchema, bytes, { readUnknownFields: false, recursionLimit: 32 });
    toJson(EventSchema, event);
    return event;
  } catch {
    // That may well be why they are here.
    return undefined;
  }
}
