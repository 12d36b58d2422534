import type { Range, WindowCut } from '@parley/calendar';
import { encodeInt4Array } from '@parley/database';
import type { Transaction } from '@parley/database';
import type { DistinctCounts } from '@parley/kpi';
import { levelNumbers } from '../projection/cell.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { uniteMembers } from './member-set.ts';

/**
 * Who had an interaction with a tenant's bots, or one of them, over a window: the sets of its days and hours, a row each
 * (as items of an array they would take longer to read than to find), and the members of the facts of what is left.
 * Parameters: partition, tenant, generation, bot, then levels, starts and ends of
 * days and hours, then starts and ends of what is left. Leans on the primary key of member_sets and on
 * interaction_facts_by_time. Its plan is kept as that of `kpiStateSql` is.
 */
export const activeMembersSql = {
  name: 'read-active-members',
  text: `
    select s.members, null::integer[] as ordinals
      from unnest((select $5::smallint[]), (select $6::timestamptz[]), (select $7::timestamptz[]))
             as part (level, starts_at, ends_at)
     cross join lateral (
       select s.members from member_sets s
        where s.partition = $1 and s.tenant_id = $2 and s.generation = $3
          and s.cube = ($4::text <> '')::int::smallint and s.level = part.level
          and s.bucket_start >= part.starts_at and s.bucket_start < part.ends_at and s.bot_id = $4
       offset 0
     ) as s
    union all
    select null, array(
      select distinct f.member_ordinal
        from unnest((select $8::timestamptz[]), (select $9::timestamptz[])) as stretch (starts_at, ends_at)
       cross join lateral (
         select f.member_ordinal from interaction_facts f
          where f.partition = $1 and f.tenant_id = $2 and f.generation = $3
            and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at
            and f.bot_id <> '' and ($4 = '' or f.bot_id = $4) and f.member_ordinal is not null
         offset 0
       ) as f
    )`,
};

/**
 * Who had an interaction in a group, or with one bot in it. Parameters: partition, tenant, generation, bot, group,
 * start, end. Leans on interaction_facts_by_group.
 */
export const groupMembersSql = `
    select null::bytea as members, array(
      select distinct f.member_ordinal from interaction_facts f
       where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.group_id = $5
         and f.occurred_at >= $6 and f.occurred_at < $7
         and ($4::text = '' or f.bot_id = $4) and f.member_ordinal is not null
    ) as ordinals`;

/**
 * How many users these members are, and how many users were recorded before an instant. Parameters: partition, tenant,
 * generation, ordinals, instant. Leans on the primary key of member_facts and on user_facts_by_time. With a name: else
 * the planner looks at every ordinal, for longer than it takes to count.
 */
export const userCountsSql = {
  name: 'count-users',
  text: `
    select (
        select count(distinct m.user_id) from member_facts m
         where m.partition = $1 and m.tenant_id = $2 and m.generation = $3
           and m.member_ordinal = any ($4::integer[]) and m.user_id <> ''
      ) as active_users,
      (
        select count(*) from user_facts u
         where u.partition = $1 and u.tenant_id = $2 and u.generation = $3 and u.first_occurred_at < $5
      ) as users`,
};

/** How many different members and users had an interaction in the window, and how many users there are at its end. */
export async function readDistinctCounts(
  tx: Transaction,
  scope: ReadScope,
  { start, end, cut }: { readonly start: Date; readonly end: Date; readonly cut: WindowCut },
): Promise<DistinctCounts> {
  const { partition, tenantId, generation, botId, groupId } = scope;
  const ofTenant = [partition, tenantId, generation];
  const { rows: found } = await tx.query<{ members: Buffer | null; ordinals: readonly number[] | null }>(
    groupId === '' ? activeMembersSql : groupMembersSql,
    groupId === '' ? [...ofTenant, botId, ...setParameters(cut)] : [...ofTenant, botId, groupId, start, end],
  );
  const members = uniteMembers(
    found.flatMap((row) => row.members ?? []),
    found.flatMap((row) => row.ordinals ?? []),
  );
  const { rows: counted } = await tx.query<{ active_users: bigint; users: bigint }>(userCountsSql, [
    ...ofTenant,
    encodeInt4Array(members),
    end,
  ]);
  return {
    activeMembers: members.length,
    activeUsers: Number(counted[0]?.active_users),
    users: Number(counted[0]?.users),
  };
}

function setParameters(cut: WindowCut): readonly unknown[][] {
  const sets = [
    ...cut.days.map((range) => ({ level: levelNumbers.day, ...range })),
    ...cut.hours.map((range) => ({ level: levelNumbers.hour, ...range })),
  ];
  // Quarter hours have no sets of their own.
  const left: readonly Range[] = [...cut.quarters, ...cut.edges];
  return [
    sets.map(({ level }) => level),
    sets.map(({ start }) => start),
    sets.map(({ end }) => end),
    left.map(({ start }) => start),
    left.map(({ end }) => end),
  ];
}
