import type { RowScope } from './fact-store.ts';
import { holdsAny } from './member-set.ts';

/** Sets looked into at a time. */
const setsAtOnce = 50;

/**
 * The keys of the interactions that members had on days before an instant. Facts have no index by member, which only an
 * erasure would use: the members' days are found by the sets of days, and their interactions in the facts of those days.
 */
export async function findInteractionsOf(
  { tx, partition, generation }: RowScope,
  tenantId: string,
  ordinals: readonly number[],
  before: Date,
): Promise<readonly string[]> {
  if (ordinals.length === 0) return [];
  const days = new Map<number, Date>();
  let after: { readonly start: Date; readonly knownOn: string } | undefined;
  for (;;) {
    // By the primary key of member_sets.
    const { rows } = await tx.query<{ start: Date; knownOn: string; members: Buffer }>(
      `select bucket_start as start, known_on::text as "knownOn", members from member_sets
        where partition = $1 and tenant_id = $2 and generation = $3 and cube = 0 and level = 2 and bot_id = ''
          and bucket_start < $4 and ($5::timestamptz is null or (bucket_start, known_on) > ($5, $6::date))
        order by bucket_start, known_on
        limit ${setsAtOnce}`,
      [partition, tenantId, generation, before, after?.start ?? null, after?.knownOn ?? null],
    );
    for (const { start, members } of rows) {
      if (holdsAny(members, ordinals)) days.set(start.getTime(), start);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < setsAtOnce) break;
    after = last;
  }
  const keys: string[] = [];
  for (const start of days.values()) {
    // By index interaction_facts_by_time.
    const { rows } = await tx.query<{ key: string }>(
      `select interaction_key as key from interaction_facts
        where partition = $1 and tenant_id = $2 and generation = $3 and bot_id <> ''
          and occurred_at >= $4 and occurred_at < $4 + interval '24 hours'
          and member_ordinal = any($5::integer[])`,
      [partition, tenantId, generation, start, ordinals],
    );
    for (const { key } of rows) keys.push(key);
  }
  return keys;
}
