import { encodeInt4Array, encodeTextArray, encodeUuidArray } from '@parley/database';
import type { Transaction } from '@parley/database';
import type { MemberName } from '../projection/fact-event.ts';

/**
 * The ordinals of these members, by their places; who has none yet gets the tenant's next ones, in the order given. Each
 * member may be given once. Others who give out ordinals of the same tenants wait until this transaction ends, which must
 * be `read committed`.
 */
export async function assignOrdinals(
  tx: Transaction,
  partition: number,
  members: readonly MemberName[],
): Promise<ReadonlyMap<string, number>> {
  const ordinals = new Map<string, number>();
  const strangers = await findOrdinals(tx, partition, members, ordinals);
  if (strangers.length === 0) return ordinals;
  const tenantIds = [...new Set(strangers.map(({ tenantId }) => tenantId))];
  const counters = await lockCounters(tx, partition, tenantIds);
  // Somebody else may have given some out until the lock was had; this statement sees what they committed.
  const without = await findOrdinals(tx, partition, strangers, ordinals);
  const given = without.map((member) => {
    const ordinal = counters.get(member.tenantId) ?? 0;
    counters.set(member.tenantId, ordinal + 1);
    ordinals.set(member.place, ordinal);
    return { ...member, ordinal };
  });
  await insertOrdinals(tx, partition, given);
  await moveCounters(tx, partition, counters);
  return ordinals;
}

/**
 * Leans on the primary key of member_ordinals. Its plan is kept, since for few members it takes longer to plan than to run.
 * One JSON array, since thousands of rows take longer to read than to find.
 */
export const findOrdinalsSql = {
  name: 'find-member-ordinals',
  text: `
    select json_agg(m.ordinal order by asked.position) as ordinals
      from unnest((select $2::uuid[]), (select $3::text[])) with ordinality as asked (tenant_id, member_id, position)
      left join lateral (
        select * from member_ordinals m
         where m.partition = $1 and m.tenant_id = asked.tenant_id and m.member_id = asked.member_id
        offset 0
      ) as m on true`,
};

/** Adds the ordinals that there are, by place, and returns who has none. */
export async function findOrdinals(
  tx: Transaction,
  partition: number,
  members: readonly MemberName[],
  ordinals: Map<string, number>,
): Promise<readonly MemberName[]> {
  if (members.length === 0) return [];
  const { rows } = await tx.query<{ ordinals: readonly (number | null)[] }>(findOrdinalsSql, [
    partition,
    encodeUuidArray(members.map(({ tenantId }) => tenantId)),
    encodeTextArray(members.map(({ memberId }) => memberId)),
  ]);
  const found = rows[0]?.ordinals ?? [];
  return members.filter(({ place }, index) => {
    const ordinal = found[index] ?? null;
    if (ordinal === null) return true;
    ordinals.set(place, ordinal);
    return false;
  });
}

/** In the order of the tenants, so that two who need several never wait for each other. */
const lockSql = {
  name: 'lock-member-ordinal-counters',
  text: `
    insert into member_ordinal_counters as c (partition, tenant_id, next_ordinal)
    select $1, tenant_id, 0 from unnest($2::uuid[]) as tenant (tenant_id) order by tenant_id
    on conflict (partition, tenant_id) do update set next_ordinal = c.next_ordinal
    returning tenant_id, next_ordinal`,
};

async function lockCounters(
  tx: Transaction,
  partition: number,
  tenantIds: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await tx.query<{ tenant_id: string; next_ordinal: number }>(lockSql, [
    partition,
    tenantIds,
  ]);
  return new Map(rows.map((row) => [row.tenant_id, row.next_ordinal]));
}

const insertSql = {
  name: 'insert-member-ordinals',
  text: `
    insert into member_ordinals (partition, tenant_id, member_id, ordinal)
    select $1, tenant_id, member_id, ordinal
      from unnest($2::uuid[], $3::text[], $4::integer[]) as given (tenant_id, member_id, ordinal)`,
};

async function insertOrdinals(
  tx: Transaction,
  partition: number,
  given: readonly (MemberName & { readonly ordinal: number })[],
): Promise<void> {
  await tx.query(insertSql, [
    partition,
    encodeUuidArray(given.map(({ tenantId }) => tenantId)),
    encodeTextArray(given.map(({ memberId }) => memberId)),
    encodeInt4Array(given.map(({ ordinal }) => ordinal)),
  ]);
}

const moveSql = `
    update member_ordinal_counters c set next_ordinal = moved.next_ordinal
      from unnest($2::uuid[], $3::integer[]) as moved (tenant_id, next_ordinal)
     where c.partition = $1 and c.tenant_id = moved.tenant_id`;

async function moveCounters(
  tx: Transaction,
  partition: number,
  counters: ReadonlyMap<string, number>,
): Promise<void> {
  await tx.query(moveSql, [partition, [...counters.keys()], [...counters.values()]]);
}

/** Forgets members; their ordinals are not given again. How many were known. */
export async function deleteOrdinals(
  db: Pick<Transaction, 'query'>,
  partition: number,
  tenantId: string,
  memberIds: readonly string[],
): Promise<number> {
  const { rowCount } = await db.query(
    'delete from member_ordinals where partition = $1 and tenant_id = $2 and member_id = any($3::text[])',
    [partition, tenantId, memberIds],
  );
  return rowCount;
}
