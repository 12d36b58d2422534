import { encodeByteaArray, encodeTextArray } from '@parley/database';
import { bucketLengths } from '@parley/calendar';
import type { Bucket, PayerCell } from '../projection/cell.ts';
import { startOf } from '../projection/cell.ts';
import type { RowScope } from './fact-store.ts';
import { addMembers, removeMembers } from './member-set.ts';
import type { MemberSet } from './member-set.ts';
import { bucketColumns } from './member-set-store.ts';

/** Members who paid in one currency, in a bucket. */
interface PayerRow extends Bucket {
  readonly currencyCode: string;
  readonly ordinals: ReadonlySet<number>;
}

/** Adds members who paid. Each bucket may be given once. */
export async function addToPayerSets(scope: RowScope, cells: readonly PayerCell[]): Promise<void> {
  const rows = rowsOf(cells);
  if (rows.length === 0) return;
  const stored = await findPayerSets(scope, rows);
  const changed = rows.flatMap((row, index) => {
    const members = addMembers(stored.get(index), row.ordinals);
    return members === undefined ? [] : [{ ...row, members }];
  });
  await save(scope, changed);
}

/** Takes members out; a set in which nobody is left goes. Each bucket may be given once. */
export async function removeFromPayerSets(scope: RowScope, cells: readonly PayerCell[]): Promise<void> {
  const rows = rowsOf(cells);
  if (rows.length === 0) return;
  const stored = await findPayerSets(scope, rows);
  const changed: (PayerRow & { readonly members: MemberSet })[] = [];
  const emptied: PayerRow[] = [];
  for (const [index, row] of rows.entries()) {
    const set = stored.get(index);
    const members = set && removeMembers(set, row.ordinals);
    if (members === 'empty') emptied.push(row);
    else if (members !== undefined) changed.push({ ...row, members });
  }
  await save(scope, changed);
  if (emptied.length === 0) return;
  await scope.tx.query(
    `delete from payer_sets s
      using unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[], $9::text[])
              as gone (tenant_id, cube, level, bucket_start, bot_id, known_on, currency_code)
      where s.partition = $1 and s.tenant_id = gone.tenant_id and s.generation = $2
        and s.cube = gone.cube and s.level = gone.level and s.bucket_start = gone.bucket_start
        and s.bot_id = gone.bot_id and s.known_on = gone.known_on and s.currency_code = gone.currency_code`,
    [scope.partition, scope.generation, ...rowColumns(emptied)],
  );
}

/** A conversion by which a member counts as one who paid. */
export interface Payment {
  readonly tenantId: string;
  readonly occurredAt: Date;
  readonly botId: string;
  readonly currencyCode: string;
  readonly memberOrdinal: number | null;
  readonly paidOn: number | null;
  readonly botPaidOn: number | null;
}

/** The payments of these members on the days of these buckets. Leans on conversion_facts_by_time. */
export async function findPayments(
  { tx, partition, generation }: RowScope,
  cells: readonly PayerCell[],
): Promise<readonly Payment[]> {
  const asked = new Map<string, readonly [tenantId: string, day: number, ordinal: number]>();
  for (const { tenantId, start, currencies } of cells) {
    for (const ordinals of currencies.values()) {
      for (const ordinal of ordinals) {
        const day = startOf('day', start);
        asked.set(`${tenantId} ${day} ${ordinal}`, [tenantId, day, ordinal]);
      }
    }
  }
  const days = [...asked.values()];
  const { rows } = await tx.query<Payment>(
    `select f.tenant_id as "tenantId", f.occurred_at as "occurredAt", f.bot_id as "botId",
            f.currency_code as "currencyCode", f.member_ordinal as "memberOrdinal", f.paid_on as "paidOn",
            f.bot_paid_on as "botPaidOn"
       from unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::integer[])
              as asked (tenant_id, starts_at, ends_at, ordinal)
      cross join lateral (
        select * from conversion_facts f
         where f.partition = $1 and f.tenant_id = asked.tenant_id and f.generation = $2 and f.bot_id <> ''
           and f.occurred_at >= asked.starts_at and f.occurred_at < asked.ends_at
           and f.member_ordinal = asked.ordinal and f.paid_on is not null
        offset 0
      ) as f`,
    [
      partition,
      generation,
      days.map(([tenantId]) => tenantId),
      days.map(([, day]) => new Date(day)),
      days.map(([, day]) => new Date(day + bucketLengths.day)),
      days.map(([, , ordinal]) => ordinal),
    ],
  );
  return rows;
}

function rowsOf(cells: readonly PayerCell[]): readonly PayerRow[] {
  return cells.flatMap((cell) =>
    [...cell.currencies].map(([currencyCode, ordinals]) => ({ ...cell, currencyCode, ordinals })),
  );
}

function rowColumns(rows: readonly PayerRow[]): readonly Buffer[] {
  return [...bucketColumns(rows), encodeTextArray(rows.map(({ currencyCode }) => currencyCode))];
}

/** Leans on the primary key of payer_sets, as `findMemberSetsSql` does on that of member_sets. `position` counts from 1. */
export const findPayerSetsSql = {
  name: 'find-payer-sets',
  text: `
    select asked.position, s.members
      from unnest((select $3::uuid[]), (select $4::smallint[]), (select $5::smallint[]), (select $6::timestamptz[]),
                  (select $7::text[]), (select $8::date[]), (select $9::text[])) with ordinality
        as asked (tenant_id, cube, level, bucket_start, bot_id, known_on, currency_code, position)
     cross join lateral (
       select s.members from payer_sets s
        where s.partition = $1 and s.tenant_id = asked.tenant_id and s.generation = $2 and s.cube = asked.cube
          and s.level = asked.level and s.bucket_start = asked.bucket_start and s.bot_id = asked.bot_id
          and s.known_on = asked.known_on and s.currency_code = asked.currency_code
       offset 0
     ) as s`,
};

/** By the rows' places. */
async function findPayerSets(
  { tx, partition, generation }: RowScope,
  asked: readonly PayerRow[],
): Promise<ReadonlyMap<number, MemberSet>> {
  const { rows } = await tx.query<{ position: bigint; members: Buffer }>(findPayerSetsSql, [
    partition,
    generation,
    ...rowColumns(asked),
  ]);
  return new Map(rows.map(({ position, members }) => [Number(position) - 1, members]));
}

const saveSql = {
  name: 'save-payer-sets',
  text: `
    insert into payer_sets
      (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, currency_code, members)
    select $1, tenant_id, $2, cube, level, bucket_start, bot_id, known_on, currency_code, members
      from unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::text[], $8::date[], $9::text[],
                  $10::bytea[])
        as changed (tenant_id, cube, level, bucket_start, bot_id, known_on, currency_code, members)
    on conflict (partition, tenant_id, generation, cube, level, bucket_start, bot_id, known_on, currency_code)
    do update set members = excluded.members`,
};

async function save(
  { tx, partition, generation }: RowScope,
  rows: readonly (PayerRow & { readonly members: MemberSet })[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(saveSql, [
    partition,
    generation,
    ...rowColumns(rows),
    encodeByteaArray(rows.map(({ members }) => members)),
  ]);
}
