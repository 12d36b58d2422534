import type { Tenant } from '@parley/access';
import type { Now } from '@parley/runtime';
import { personSubject, pseudonymOf } from '../privacy/subjects.ts';
import type { ErasureStore } from '../storage/erasure-store.ts';
import type { PrivacyStore } from '../storage/privacy-store.ts';

export interface EraseMemberDependencies {
  readonly privacy: Pick<PrivacyStore, 'subjectKey'>;
  readonly erasures: Pick<ErasureStore, 'begin'>;
  readonly now: Now;
  /** Makes a UUIDv7. */
  readonly newId: () => string;
  /** Tells who carries erasures out that there is one. */
  readonly wake: () => void;
}

/**
 * Blocks a member for good and has everything about it erased. Returns the receipt's id; that of the erasure that is under
 * way or complete when it is asked for again.
 */
export async function eraseMember(
  { privacy, erasures, now, newId, wake }: EraseMemberDependencies,
  { partition, tenantId }: Tenant,
  memberId: string,
): Promise<string> {
  const place = { partition, tenantId };
  const key = await privacy.subjectKey(place);
  const receiptId = await erasures.begin(place, {
    receiptId: newId(),
    memberHash: personSubject(key, memberId),
    memberIds: [...new Set([memberId, pseudonymOf(key, memberId)])],
    at: now(),
  });
  wake();
  return receiptId;
}
