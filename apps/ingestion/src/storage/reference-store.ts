import { encodeUuidArray } from '@parley/database';
import type { Transaction } from '@parley/database';
import type { EventKindNumber } from '@parley/event';

/** Whom and what an event is about. */
export interface NewReference {
  readonly tenantId: string;
  readonly eventKey: string;
  readonly kind: EventKindNumber;
  readonly offset: bigint;
  readonly memberId: string | undefined;
  readonly userId: string | undefined;
  /** The key of the interaction, or of a refund's conversion. */
  readonly subjectKey: string | undefined;
}

/** Keeps references; one that is there stays. */
export async function saveReferences(
  tx: Transaction,
  { partition, generation }: { readonly partition: number; readonly generation: number },
  references: readonly NewReference[],
): Promise<void> {
  if (references.length === 0) return;
  await tx.query(
    `insert into reference_rows (partition, generation, tenant_id, event_key, kind, log_offset, member_id, user_id,
                                 subject_key)
     select $1, $2, r.* from unnest($3::uuid[], $4::uuid[], $5::smallint[], $6::bigint[], $7::text[], $8::text[],
                                    $9::uuid[]) as r
     on conflict do nothing`,
    [
      partition,
      generation,
      encodeUuidArray(references.map(({ tenantId }) => tenantId)),
      encodeUuidArray(references.map(({ eventKey }) => eventKey)),
      references.map(({ kind }) => kind),
      references.map(({ offset }) => offset),
      references.map(({ memberId }) => memberId),
      references.map(({ userId }) => userId),
      references.map(({ subjectKey }) => subjectKey),
    ],
  );
}
