import { encodeTextArray, encodeUuidArray } from '@parley/database';
import type { Transaction } from '@parley/database';
import { eventKinds } from '@parley/event';
import type { EventKeys } from '@parley/event';
import { factTables } from './fact-tables.ts';

/** What is to go. */
export interface ErasedRows {
  readonly events: EventKeys;
  /** The member, under every id that it has. */
  readonly memberIds: readonly string[];
  readonly userIds: readonly string[];
}

/** The tables in which an event of a kind has a row under its key. */
export const tablesOfKind: ReadonlyMap<number, readonly string[]> = new Map([
  [eventKinds.interaction, [factTables.interaction.name, 'enrichment_rows']],
  [eventKinds.completion, [factTables.completion.name]],
  [eventKinds.conversion, [factTables.conversion.name]],
  [eventKinds.refund, [factTables.refund.name]],
  [eventKinds.feedback, [factTables.feedback.name]],
  [eventKinds.handoff, [factTables.handoff.name]],
]);

/** Deletes the read model's rows of events, members and users, each by its primary key. */
export async function deleteErased(
  tx: Transaction,
  {
    partition,
    generation,
    tenantId,
  }: { readonly partition: number; readonly generation: number; readonly tenantId: string },
  { events, memberIds, userIds }: ErasedRows,
): Promise<void> {
  for (const [kind, keys] of events) {
    const encoded = encodeUuidArray(keys);
    for (const table of tablesOfKind.get(kind) ?? []) {
      await tx.query(
        `delete from ${table} where partition = $1 and event_key = any($2) and tenant_id = $3 and generation = $4`,
        [partition, encoded, tenantId, generation],
      );
    }
    await tx.query(
      `delete from reference_rows
        where partition = $1 and event_key = any($2) and tenant_id = $3 and generation = $4 and kind = $5`,
      [partition, encoded, tenantId, generation, kind],
    );
  }
  await tx.query(
    `delete from member_rows
      where partition = $1 and generation = $2 and tenant_id = $3 and member_id = any($4::text[])`,
    [partition, generation, tenantId, encodeTextArray(memberIds)],
  );
  await tx.query(
    `delete from user_rows
      where partition = $1 and generation = $2 and tenant_id = $3 and user_id = any($4::text[])`,
    [partition, generation, tenantId, encodeTextArray(userIds)],
  );
}
