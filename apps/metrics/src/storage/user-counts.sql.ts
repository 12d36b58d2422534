import { encodeInt4Array } from '@parley/database';
import type { Transaction } from '@parley/database';
import type { ReadScope } from './kpi-state.sql.ts';

/**
 * How many users the members of several sets are. Parameters: partition, tenant, generation, the sets' places and the
 * members, one by one. Leans on the primary key of member_facts. With a name: else the planner looks at every ordinal, for
 * longer than it takes to count.
 */
export const usersOfMembersSql = {
  name: 'count-users-of-members',
  text: `
    select asked.position, count(distinct m.user_id) as count
      from unnest((select $4::integer[]), (select $5::integer[])) as asked (position, member_ordinal)
     cross join lateral (
       select m.user_id from member_facts m
        where m.partition = $1 and m.tenant_id = $2 and m.generation = $3
          and m.member_ordinal = asked.member_ordinal and m.user_id <> ''
       offset 0
     ) as m
     group by asked.position`,
};

/** How many users each of these sets of members are. */
export async function countUsersOf(
  tx: Transaction,
  { partition, tenantId, generation }: ReadScope,
  sets: readonly Uint32Array[],
): Promise<readonly number[]> {
  const length = sets.reduce((sum, set) => sum + set.length, 0);
  const places = new Uint32Array(length);
  const members = new Uint32Array(length);
  let from = 0;
  for (const [place, set] of sets.entries()) {
    places.fill(place, from, from + set.length);
    members.set(set, from);
    from += set.length;
  }
  const { rows } = await tx.query<{ position: number; count: bigint }>(usersOfMembersSql, [
    partition,
    tenantId,
    generation,
    encodeInt4Array(places),
    encodeInt4Array(members),
  ]);
  const counts = sets.map(() => 0);
  for (const { position, count } of rows) counts[position] = Number(count);
  return counts;
}

/**
 * How many users were recorded first in each of several stretches. Parameters: partition, tenant, generation, places,
 * starts and ends. Leans on user_facts_by_time.
 */
export const usersByTimeSql = {
  name: 'count-users-by-time',
  text: `
    select asked.position, (
             select count(*) from user_facts u
              where u.partition = $1 and u.tenant_id = $2 and u.generation = $3
                and u.first_occurred_at >= asked.starts_at and u.first_occurred_at < asked.ends_at
           ) as count
      from unnest((select $4::integer[]), (select $5::timestamptz[]), (select $6::timestamptz[]))
             as asked (position, starts_at, ends_at)`,
};

/** How many users had been recorded before each of these instants. */
export async function countUsersBefore(
  tx: Transaction,
  { partition, tenantId, generation }: ReadScope,
  instants: readonly Date[],
): Promise<readonly number[]> {
  const ends = [...new Set(instants.map((at) => at.getTime()))].sort((a, b) => a - b);
  const { rows } = await tx.query<{ position: number; count: bigint }>(usersByTimeSql, [
    partition,
    tenantId,
    generation,
    ends.map((_, place) => place),
    // The first one begins before everything.
    ends.map((_, place) => new Date(ends[place - 1] ?? -8.64e12)),
    ends.map((end) => new Date(end)),
  ]);
  const counts = ends.map(() => 0);
  for (const { position, count } of rows) counts[position] = Number(count);
  const before = new Map<number, number>();
  let sum = 0;
  for (const [place, end] of ends.entries()) {
    sum += counts[place] ?? 0;
    before.set(end, sum);
  }
  return instants.map((at) => before.get(at.getTime()) ?? 0);
}
