import type { ServiceImpl } from '@connectrpc/connect';
import type { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { invalidArgument } from '@parley/errors';
import type { ProjectionReader } from '@parley/projection';
import { tenantOf } from '@parley/rpc';
import type { EventLog } from '../event-log/event-log.ts';
import {
  readExpiredRecords,
  readMemberEvents,
  readQuarantinedMemberEvents,
  readUntabledMemberEvents,
} from '../storage/member-events.sql.ts';
import type { PrivacyStore } from '../storage/privacy-store.ts';
import type { ExportSlots } from './export-slots.ts';
import { handOver } from './hand-over.ts';
import { holdsTexts, memberEventLine, quarantinedEventLine } from './member-file.ts';
import type { AuditTextReads } from './text-read-audit.ts';

export interface MemberExportDependencies {
  readonly reader: ProjectionReader;
  readonly log: EventLog;
  readonly slots: ExportSlots;
  readonly audit: AuditTextReads;
  readonly privacy: Pick<PrivacyStore, 'memberIds'>;
}

/** A chunk is sent when it has so many characters; it ends with a whole line, so one long line makes it longer. */
const chunkLength = 64 * 1024;

/**
 * The call by which a member is given everything that is kept about it. It holds what was acknowledged before the call;
 * when the read model is not that far in time, it is refused rather than incomplete.
 */
export function createMemberExport({
  reader,
  log,
  slots,
  audit,
  privacy,
}: MemberExportDependencies): ServiceImpl<typeof PrivacyService>['exportMember'] {
  return async function* exportMember({ memberId }, context) {
    const { tenantId, partition } = tenantOf(context);
    if (memberId.includes('\0')) {
      throw invalidArgument([{ field: 'member_id', description: 'must not contain NUL' }]);
    }
    const memberIds = await privacy.memberIds({ tenantId, partition }, memberId);
    const given = audit(context, { member_id: memberIds[0] });
    const release = slots.take(tenantId);
    try {
      const minPosition = (await log.heads(context.signal)).get(partition);
      const chunks = handOver<string>(
        (emit) =>
          reader.read(
            { tenantId, partition, minPosition, isStreamed: true, signal: context.signal },
            async ({ tx, generation, watermark }) => {
              const scope = { partition, generation, tenantId };
              let chunk = '';
              let textCount = 0;
              const hand = async (): Promise<void> => {
                if (chunk === '') return;
                await given.gives(textCount);
                await emit(chunk);
                chunk = '';
                textCount = 0;
              };
              const add = async (line: string, hasText: boolean): Promise<void> => {
                chunk += line;
                if (hasText) textCount += 1;
                if (chunk.length >= chunkLength) await hand();
              };
              const upTo = watermark.position;
              for (const id of memberIds) {
                for await (const found of readMemberEvents(tx, scope, id)) {
                  await add(memberEventLine(found), holdsTexts(found.event));
                }
                for await (const found of readUntabledMemberEvents(tx, scope, id, upTo)) {
                  await add(memberEventLine(found), false);
                }
                for (const found of await readExpiredRecords(tx, scope, id)) {
                  await add(memberEventLine(found), false);
                }
                for await (const found of readQuarantinedMemberEvents(tx, scope, id)) {
                  await add(quarantinedEventLine(found), true);
                }
              }
              await hand();
            },
          ),
        context.signal,
      );
      const encoder = new TextEncoder();
      for await (const chunk of chunks) yield { lines: encoder.encode(chunk) };
    } finally {
      release();
    }
  };
}
