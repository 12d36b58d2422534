import type { Database } from '@parley/database';
import type { ErasedPlace, PendingErasure } from '@parley/service';
import { readErased } from '../storage/erased-counts.ts';
import { deleteOrdinals } from '../storage/member-ordinals.ts';

/**
 * What an erasure took away here, which the projection has done. The ordinals of members outlive generations: one that
 * was computed before the log was emptied, and given up, may have made one anew.
 */
export async function finishErasure(
  worker: Database,
  erasure: PendingErasure,
): Promise<readonly ErasedPlace[]> {
  const { partition, tenantId, memberIds, isLogEmptied } = erasure;
  if (isLogEmptied) {
    await deleteOrdinals(worker, partition, tenantId, memberIds);
    // Errors of parked events quote what they failed on.
    await worker.query(
      `update projection_parked p set error = 'The event was erased.'
        where p.partition = $1 and exists (select from unnest($2::text[]) m where position(m in p.error) > 0)`,
      [partition, memberIds],
    );
  }
  const erased = await readErased(worker, erasure);
  return erased.map(({ place, rowCount }) => ({ place, rowCountBefore: rowCount, rowCountAfter: 0n }));
}
