import {
  encodeByteaArray,
  encodeDateArray,
  encodeInt2Array,
  encodeTextArray,
  encodeTimestampArray,
  encodeUuidArray,
} from '@parley/database';
import type { Bucket, MemberCell } from '../projection/cell.ts';
import { bucketKey, levelNumbers } from '../projection/cell.ts';
import type { RowScope } from './fact-store.ts';
import type { MemberSet } from './member-set.ts';
import { addMembers, removeMembers } from './member-set.ts';

/** Adds members to sets; a set in which all of them are already is only read. Each bucket may be given once. */
export async function addToMemberSets(scope: RowScope, cells: readonly MemberCell[]): Promise<void> {
  if (cells.length === 0) return;
  const stored = await findMemberSets(scope, cells);
  const changed = cells.flatMap((cell) => {
    const members = addMembers(stored.get(bucketKey(cell)), cell.ordinals);
    return members === undefined ? [] : [{ ...cell, members }];
  });
  if (changed.length === 0) return;
  await scope.tx.query(saveSql, [
    scope.partition,
    scope.generation,
    ...bucketColumns(changed),
    encodeByteaArray(changed.map(({ members }) => members)),
  ]);
}

/** Takes members out of sets; one in which nobody is left goes. Each bucket may be given once. */
export async function removeFromMemberSets(scope: RowScope, cells: readonly MemberCell[]): Promise<void> {
  if (cells.length === 0) return;
  const stored = await findMemberSets(scope, cells);
  const changed: (MemberCell & { readonly members: MemberSet })[] = [];
  const emptied: MemberCell[] = [];
  for (const cell of cells) {
    const set = stored.get(bucketKey(cell));
    const members = set && removeMembers(set, cell.ordinals);
    if (members === undefined) continue;
    if (members === 'empty') emptied.push(cell);
    else changed.push({ ...cell, members });
  }
  if (changed.length > 0) {
    await scope.tx.query(saveSql, [
      scope.partition,
      scope.generation,
      ...bucketColumns(changed),
      encodeByteaArray(changed.map(({ members }) => members)),
    ]);
  }
  if (emptied.length > 0) {
    await scope.tx.query(
      `delete from member_sets s
        using ${bucketsSql}
        where s.partition = $1 and s.tenant_id = gone.tenant_id and s.generation = $2
          and s.cube = gone.cube and s.level = gone.level and s.bucket_start = gone.bucket_start
          and s.bot_id = gone.bot_id and s.known_on = gone.known_on`,
      [scope.partition, scope.generation, ...bucketColumns(emptied)],
    );
  }
}

/** A bucket's columns, in the order in which the statements take them. */
export function bucketColumns(buckets: readonly Bucket[]): readonly Buffer[] {
  return [
    encodeUuidArray(buckets.map(({ tenantId }) => tenantId)),
    encodeInt2Array(buckets.map(({ botId }) => (botId === '' ? 0 : 1))),
    encodeInt2Array(buckets.map(({ level }) => levelNumbers[level])),
    encodeTimestampArray(buckets.map(({ start }) => start)),
    encodeTextArray(buckets.map(({ botId }) => botId)),
    encodeDateArray(buckets.map(({ knownOn }) => knownOn)),
  ];
}

/** `bucketColumns` as a table, from parameter 3 on. */
export const bucketsSql = `
  unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[])
    as gone (tenant_id, cube, level, bucket_start, bot_id, known_on)`;

/** Leans on the primary key of member_sets; its plan is kept as that of `findOrdinalsSql` is. `position` counts from 1. */
export const findMemberSetsSql = {
  name: 'find-member-sets',
  text: `
    select asked.position, s.members
      from unnest((select $3::uuid[]), (select $4::smallint[]), (select $5::smallint[]), (select $6::timestamptz[]),
                  (select $7::text[]), (select $8::date[])) with ordinality
        as asked (tenant_id, cube, level, bucket_start, bot_id, known_on, position)
     cross join lateral (
       select s.members from member_sets s
        where s.partition = $1 and s.tenant_id = asked.tenant_id and s.generation = $2 and s.cube = asked.cube
          and s.level = asked.level and s.bucket_start = asked.bucket_start and s.bot_id = asked.bot_id
          and s.known_on = asked.known_on
       offset 0
     ) as s`,
};

async function findMemberSets(
  { tx, partition, generation }: RowScope,
  cells: readonly MemberCell[],
): Promise<ReadonlyMap<string, MemberSet>> {
  const { rows } = await tx.query<{ position: bigint; members: Buffer }>(findMemberSetsSql, [
    partition,
    generation,
    ...bucketColumns(cells),
  ]);
  return new Map(
    rows.flatMap(({ position, members }) => {
      const cell = cells[Number(position) - 1];
      return cell === undefined ? [] : [[bucketKey(cell), members] as const];
    }),
  );
}

const saveSql = {
  name: 'save-member-sets',
  text: `
    insert into member_sets
      (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, members)
    select $1, tenant_id, $2, cube, level, bucket_start, bot_id, known_on, members
      from unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[], $9::bytea[])
        as changed (tenant_id, cube, level, bucket_start, bot_id, known_on, members)
    on conflict (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on)
    do update set members = excluded.members`,
};
