import type { Transaction } from '@parley/database';
import { cutParameters } from './cut-parameters.ts';
import type { CutWindow } from './cut-parameters.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import type { MemberSet } from './member-set.ts';

/** Which sets are asked for, and which facts say the same inside an hour. */
interface MemberSource {
  readonly sets: string;
  readonly facts: string;
  readonly condition: string;
}

const active: MemberSource = {
  sets: 'member_sets',
  facts: 'interaction_facts',
  condition: 'f.member_ordinal is not null',
};
/** Of a tenant or one of its bots. Parameters: partition, tenant, generation, bot, `cutParameters`, further ones. */
function ofBot({ sets, facts, condition }: MemberSource, setCondition: string): string {
  return `
    select part.position, s.members, null::integer[] as ordinals
      from unnest((select $5::integer[]), (select $6::smallint[]), (select $7::timestamptz[]),
                  (select $8::timestamptz[])) as part (position, level, starts_at, ends_at)
     cross join lateral (
       select s.members from ${sets} s
        where s.partition = $1 and s.tenant_id = $2 and s.generation = $3
          and s.cube = ($4::text <> '')::int::smallint and s.level = part.level
          and s.bucket_start >= part.starts_at and s.bucket_start < part.ends_at and s.bot_id = $4 ${setCondition}
       offset 0
     ) as s
    union all
    select stretch.position, null, array(
      select distinct f.member_ordinal from ${facts} f
       where f.partition = $1 and f.tenant_id = $2 and f.generation = $3
         and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at
         and f.bot_id <> '' and ($4 = '' or f.bot_id = $4) and ${condition}
    )
      from unnest((select $9::integer[]), (select $10::timestamptz[]), (select $11::timestamptz[]))
             as stretch (position, starts_at, ends_at)`;
}

/** Of a group, or of one bot in it. Parameters: partition, tenant, generation, bot, places, starts, ends, group, further. */
function ofGroup({ facts, condition }: MemberSource): string {
  return `
    select stretch.position, null::bytea as members, array(
      select distinct f.member_ordinal from ${facts} f
       where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.group_id = $8
         and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at
         and ($4::text = '' or f.bot_id = $4) and ${condition}
    ) as ordinals
      from unnest($5::integer[], $6::timestamptz[], $7::timestamptz[]) as stretch (position, starts_at, ends_at)`;
}

/**
 * Who had an interaction, in several windows. Leans on the primary key of member_sets and on interaction_facts_by_time.
 * Its plan is kept as that of `kpiStateSql` is.
 */
export const membersSql = { name: 'read-members', text: ofBot(active, '') };
/** Leans on interaction_facts_by_group. */
export const groupMembersOfWindowsSql = ofGroup(active);
/** Who had an interaction in each of the windows, in their order, made of sets and ordinals by `load`. */
export function readMemberSets<Members>(
  tx: Transaction,
  scope: ReadScope,
  windows: readonly CutWindow[],
  load: Load<Members>,
): Promise<readonly Members[]> {
  return read(tx, scope, windows, {
    statement: scope.groupId === '' ? membersSql : groupMembersOfWindowsSql,
    further: [],
    load,
  });
}

/** Makes one set of sets and ordinals. */
type Load<Members> = (sets: readonly MemberSet[], ordinals: readonly number[]) => Members;

interface Reading<Members> {
  readonly statement: Parameters<Transaction['query']>[0];
  readonly further: readonly unknown[];
  readonly load: Load<Members>;
}

async function read<Members>(
  tx: Transaction,
  { partition, tenantId, generation, botId, groupId }: ReadScope,
  windows: readonly CutWindow[],
  { statement, further, load }: Reading<Members>,
): Promise<readonly Members[]> {
  const asked =
    groupId === ''
      ? // Quarter hours have no sets of their own.
        cutParameters(windows, ['day', 'hour'])
      : [
          windows.map((_, position) => position),
          windows.map(({ start }) => start),
          windows.map(({ end }) => end),
          groupId,
        ];
  const { rows } = await tx.query<{
    position: number;
    members: Buffer | null;
    ordinals: readonly number[] | null;
  }>(statement, [partition, tenantId, generation, botId, ...asked, ...further]);
  const sets = windows.map((): Buffer[] => []);
  const ordinals = windows.map((): number[] => []);
  for (const row of rows) {
    if (row.members !== null) sets[row.position]?.push(row.members);
    for (const ordinal of row.ordinals ?? []) ordinals[row.position]?.push(ordinal);
  }
  return windows.map((_, position) => load(sets[position] ?? [], ordinals[position] ?? []));
}
