import type { RowScope } from './fact-store.ts';

/**
 * The keys of the conversions before an instant that name one of these members themselves, whosever interaction they are
 * of. There is no index by member, which only an erasure would use: this goes once through the tenant's conversions.
 */
export async function findConversionsNaming(
  { tx, partition, generation }: RowScope,
  tenantId: string,
  ordinals: readonly number[],
  before: Date,
): Promise<readonly string[]> {
  if (ordinals.length === 0) return [];
  const { rows } = await tx.query<{ key: string }>(
    `select conversion_key as key from conversion_facts
      where partition = $1 and tenant_id = $2 and generation = $3 and occurred_at < $4
        and own_member_ordinal = any($5::integer[])`,
    [partition, tenantId, generation, before, ordinals],
  );
  return rows.map(({ key }) => key);
}
