import { encodeTextArray, encodeUuidArray } from '@parley/database';
import type { Transaction } from '@parley/database';

/** A member of a tenant, by the id that its producer gives it. */
export interface MemberId {
  readonly tenantId: string;
  readonly memberId: string;
}

export interface MemberOrdinal extends MemberId {
  readonly ordinal: number;
}

/**
 * The ordinals of these members; who has none yet gets the tenant's next ones, in the order given. Each member may be
 * given once. Others who give out ordinals of the same tenants wait until this transaction ends, which must be
 * `read committed`.
 */
export async function assignOrdinals(
  tx: Transaction,
  partition: number,
  members: readonly MemberId[],
): Promise<readonly MemberOrdinal[]> {
  const known = await findOrdinals(tx, partition, members);
  if (known.length === members.length) return known;
  const tenantIds = [...new Set(without(members, known).map(({ tenantId }) => tenantId))];
  const counters = await lockCounters(tx, partition, tenantIds);
  // Somebody else may have given some out until the lock was had; this statement sees what they committed.
  const since = await findOrdinals(tx, partition, without(members, known));
  const given = without(members, [...known, ...since]).map((member) => {
    const ordinal = counters.get(member.tenantId) ?? 0;
    counters.set(member.tenantId, ordinal + 1);
    return { ...member, ordinal };
  });
  await insertOrdinals(tx, partition, given);
  await moveCounters(tx, partition, counters);
  return [...known, ...since, ...given];
}

function without(members: readonly MemberId[], known: readonly MemberId[]): readonly MemberId[] {
  const keys = new Set(known.map(keyOf));
  return members.filter((member) => !keys.has(keyOf(member)));
}

function keyOf({ tenantId, memberId }: MemberId): string {
  return `${tenantId} ${memberId}`;
}

/** Leans on the primary key of member_ordinals; without a name, as all joins with the rows of a batch. */
const findSql = `
    select m.tenant_id, m.member_id, m.ordinal
      from unnest($2::uuid[], $3::text[]) as asked (tenant_id, member_id)
     cross join lateral (
       select * from member_ordinals m
        where m.partition = $1 and m.tenant_id = asked.tenant_id and m.member_id = asked.member_id
       offset 0
     ) as m`;

async function findOrdinals(
  tx: Transaction,
  partition: number,
  members: readonly MemberId[],
): Promise<readonly MemberOrdinal[]> {
  if (members.length === 0) return [];
  const { rows } = await tx.query<{ tenant_id: string; member_id: string; ordinal: number }>(findSql, [
    partition,
    encodeUuidArray(members.map(({ tenantId }) => tenantId)),
    encodeTextArray(members.map(({ memberId }) => memberId)),
  ]);
  return rows.map((row) => ({ tenantId: row.tenant_id, memberId: row.member_id, ordinal: row.ordinal }));
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
  given: readonly MemberOrdinal[],
): Promise<void> {
  await tx.query(insertSql, [
    partition,
    encodeUuidArray(given.map(({ tenantId }) => tenantId)),
    encodeTextArray(given.map(({ memberId }) => memberId)),
    given.map(({ ordinal }) => ordinal),
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
