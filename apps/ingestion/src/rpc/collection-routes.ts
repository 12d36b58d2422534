import type { ServiceImpl } from '@connectrpc/connect';
import type { PositionSealer } from '@parley/access';
import {
  FileFormat,
  RecordKind as RecordKindMessage,
} from '@parley/contracts/parley/ingestion/v1/collection_service';
import type { CollectionService } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { invalidArgument } from '@parley/errors';
import type { ProjectionReader } from '@parley/projection';
import { tenantOf } from '@parley/rpc';
import { holdsText, readRecords } from '../storage/records.sql.ts';
import type { PrivacyStore } from '../storage/privacy-store.ts';
import type { RecordKind } from '../storage/records.sql.ts';
import type { ExportSlots } from './export-slots.ts';
import { handOver } from './hand-over.ts';
import { openPosition } from './open-position.ts';
import { createRecordFile } from './record-file.ts';
import type { RecordFileFormat } from './record-file.ts';
import type { AuditTextReads } from './text-read-audit.ts';
import { windowBounds } from './window-bounds.ts';

export interface CollectionDependencies {
  readonly reader: ProjectionReader;
  readonly positions: PositionSealer;
  readonly slots: ExportSlots;
  readonly audit: AuditTextReads;
  readonly privacy: Pick<PrivacyStore, 'memberIds'>;
}

/** A chunk is sent when it has so many characters; it ends with a whole line, so one long line makes it longer. */
const chunkLength = 64 * 1024;

const kinds: ReadonlyMap<RecordKindMessage, RecordKind> = new Map([
  [RecordKindMessage.INTERACTIONS, 'interactions'],
  [RecordKindMessage.CONVERSIONS, 'conversions'],
  [RecordKindMessage.FEEDBACK, 'feedback'],
]);
const formats: ReadonlyMap<FileFormat, RecordFileFormat> = new Map([
  [FileFormat.JSONL, 'jsonl'],
  [FileFormat.CSV, 'csv'],
]);

/** The calls by which a tenant takes its events away as files. */
export function createExporting({
  reader,
  positions,
  slots,
  audit,
  privacy,
}: CollectionDependencies): Pick<ServiceImpl<typeof CollectionService>, 'exportRecords'> {
  return {
    async *exportRecords(request, context) {
      const tenant = tenantOf(context);
      const { tenantId, partition } = tenant;
      const kind = found(kinds.get(request.kind), 'kind');
      const file = createRecordFile(kind, found(formats.get(request.format), 'format'));
      const filter = {
        botId: request.botId || undefined,
        groupId: request.groupId || undefined,
        memberId:
          request.memberId === '' ? undefined : (await privacy.memberIds(tenant, request.memberId))[0],
        ...windowBounds(request),
      };
      const minPosition = openPosition(positions, tenant, request.minPosition);
      const given = audit(context, {
        kind,
        bot_id: filter.botId,
        group_id: filter.groupId,
        member_id: filter.memberId,
        window_start: filter.windowStart?.toISOString(),
        window_end: filter.windowEnd?.toISOString(),
      });
      const release = slots.take(tenantId);
      try {
        const chunks = handOver<string>(
          (emit) =>
            reader.read(
              { tenantId, partition, minPosition, isStreamed: true, signal: context.signal },
              async ({ tx, generation }) => {
                let chunk = file.head;
                let textCount = 0;
                const hand = async (): Promise<void> => {
                  await given.gives(textCount);
                  await emit(chunk);
                  chunk = '';
                  textCount = 0;
                };
                for await (const rows of readRecords(tx, { partition, generation, tenantId }, kind, filter)) {
                  for (const row of rows) {
                    chunk += file.lines([row]);
                    if (holdsText(kind, row)) textCount += 1;
                    if (chunk.length >= chunkLength) await hand();
                  }
                }
                if (chunk !== '') await hand();
              },
            ),
          context.signal,
        );
        const encoder = new TextEncoder();
        for await (const chunk of chunks) yield { lines: encoder.encode(chunk) };
      } finally {
        release();
      }
    },
  };
}

/** Validation lets in what the maps hold. */
function found<Value>(value: Value | undefined, field: string): Value {
  if (value === undefined)
    throw invalidArgument([{ field, description: 'must be one of those that are known' }]);
  return value;
}
