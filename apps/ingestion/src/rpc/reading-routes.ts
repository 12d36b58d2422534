import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { PositionSealer } from '@parley/access';
import { InteractionSchema, UnderstandingSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { InteractionRecordSchema } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type {
  IngestionService,
  InteractionRecord,
  ListInteractionsRequest,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { DomainError } from '@parley/errors';
import { eventKeyOf } from '@parley/event';
import type { ProjectionReader } from '@parley/projection';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import { fromReading } from '../event-content/reading.ts';
import { parseSentiment } from '../event-content/enum-names.ts';
import { findInteraction, listInteractions } from '../storage/interactions.sql.ts';
import type { InteractionRow } from '../storage/interactions.sql.ts';
import type { PrivacyStore } from '../storage/privacy-store.ts';
import { openPosition } from './open-position.ts';
import { windowBounds } from './window-bounds.ts';
import type { AuditTextReads } from './text-read-audit.ts';

export interface ReadingDependencies {
  readonly reader: ProjectionReader;
  readonly positions: PositionSealer;
  readonly audit: AuditTextReads;
  readonly privacy: Pick<PrivacyStore, 'memberIds'>;
}

/** The calls by which single interactions are read. */
export function createReading({
  reader,
  positions,
  audit,
  privacy,
}: ReadingDependencies): Pick<ServiceImpl<typeof IngestionService>, 'getInteraction' | 'listInteractions'> {
  return {
    async getInteraction({ interactionId, minPosition }, context) {
      const tenant = tenantOf(context);
      const { tenantId, partition } = tenant;
      const request = {
        tenantId,
        partition,
        minPosition: openPosition(positions, tenant, minPosition),
        signal: context.signal,
      };
      const row = await reader.read(request, ({ tx, generation }) =>
        findInteraction(tx, { partition, generation, tenantId }, eventKeyOf(interactionId)),
      );
      if (row === undefined) {
        throw new DomainError(`There is no interaction ${JSON.stringify(interactionId)}.`, {
          kind: 'not-found',
          reason: 'INTERACTION_NOT_FOUND',
          facts: { interaction_id: interactionId },
        });
      }
      await audit(context, { interaction_id: interactionId }).gives(countTexts([row]));
      return { interaction: toRecord(row) };
    },

    async listInteractions(message, context) {
      const tenant = tenantOf(context);
      const { tenantId, partition } = tenant;
      const pageSize = pageSizeOf(message.pageSize, { usual: 50 });
      const [memberId] = message.memberId === '' ? [''] : await privacy.memberIds(tenant, message.memberId);
      const filter = filterOf({ ...message, memberId });
      const filters = [
        tenantId,
        ...Object.values(filter).map((value) => (value instanceof Date ? value.toISOString() : value)),
      ];
      const cursor = readPageToken(message.pageToken, filters, 2);
      const after = cursor && { occurredAt: readTokenTime(cursor[0]), interactionId: cursor[1] ?? '' };
      const request = {
        tenantId,
        partition,
        minPosition: openPosition(positions, tenant, message.minPosition),
        signal: context.signal,
      };
      const rows = await reader.read(request, ({ tx, generation }) =>
        listInteractions(tx, { partition, generation, tenantId }, filter, after, pageSize + 1),
      );
      const page = rows.slice(0, pageSize);
      const last = rows.length > pageSize ? page.at(-1) : undefined;
      await audit(context, {
        bot_id: filter.botId,
        group_id: filter.groupId,
        member_id: filter.memberId,
        conversation_id: filter.conversationId,
        intent: filter.intent,
        window_start: filter.windowStart?.toISOString(),
        window_end: filter.windowEnd?.toISOString(),
      }).gives(countTexts(page));
      return {
        interactions: page.map(toRecord),
        nextPageToken:
          last === undefined
            ? ''
            : writePageToken(filters, [String(last.occurred_at.getTime()), last.interaction_id]),
      };
    },
  };
}

/** Rows that say what somebody wrote, or was answered. */
function countTexts(rows: readonly InteractionRow[]): number {
  return rows.filter((row) => row.message_text !== null || row.response_text !== null).length;
}

function filterOf(request: ListInteractionsRequest) {
  return {
    botId: request.botId || undefined,
    groupId: request.groupId || undefined,
    memberId: request.memberId || undefined,
    conversationId: request.conversationId || undefined,
    intent: request.intent || undefined,
    ...windowBounds(request),
  };
}

function toRecord(row: InteractionRow): InteractionRecord {
  return create(InteractionRecordSchema, {
    interactionId: row.interaction_id,
    occurredAt: timestampFromDate(row.occurred_at),
    receivedAt: timestampFromDate(row.received_at),
    reportedAt: row.reported_at === null ? undefined : timestampFromDate(row.reported_at),
    interaction: create(InteractionSchema, {
      botId: row.bot_id,
      groupId: row.group_id ?? '',
      memberId: row.member_id ?? '',
      conversationId: row.conversation_id ?? '',
      channel: row.channel ?? '',
      messageText: row.message_text ?? '',
      intent: row.intent ?? '',
      intentScore: row.intent_score ?? undefined,
      sentiment: parseSentiment(row.sentiment),
      responseText: row.response_text ?? '',
      responseOmitted: row.response_omitted,
      responseTimeMs: row.response_time_ms === null ? undefined : BigInt(row.response_time_ms),
      errorCode: row.error_code ?? '',
      attributes: row.attributes ?? undefined,
      understanding:
        row.understanding === null ? undefined : create(UnderstandingSchema, fromReading(row.understanding)),
    }),
    completedAt: row.completed_at === null ? undefined : timestampFromDate(row.completed_at),
    monetizationEvent: row.monetization_event,
  });
}
