import { encodeTextArray, encodeUuidArray } from '@parley/database';
import type { Transaction } from '@parley/database';

/** What one event recorded of somebody. */
export interface PersonRecord {
  /** The event's key: decides between records of the same instant. */
  readonly recordKey: string;
  readonly recordedAt: Date;
  readonly receivedAt: Date;
  readonly attributes: object | undefined;
}

export interface MemberRecord extends PersonRecord {
  readonly userId: string | undefined;
  readonly groupId: string | undefined;
  readonly segments: readonly string[];
}

/** Somebody who was seen in an interaction, recorded or not. */
export interface SeenMember {
  readonly tenantId: string;
  readonly memberId: string;
}

/** What was recorded last of a member. */
export interface MemberChange extends SeenMember {
  readonly record: MemberRecord;
}

export interface UserChange {
  readonly tenantId: string;
  readonly userId: string;
  readonly record: PersonRecord;
}

interface Scope {
  readonly partition: number;
  readonly generation: number;
}

const recordColumns = [
  'record_key',
  'recorded_at',
  'record_received_at',
  'user_id',
  'group_id',
  'segments',
  'attributes',
];
const columnsOf = (row: string) => recordColumns.map((column) => `${row}.${column}`).join(', ');

/** Adds the members that are not there yet, by a look-up of the primary key each. */
export async function addSeenMembers(
  tx: Transaction,
  { partition, generation }: Scope,
  seen: readonly SeenMember[],
): Promise<void> {
  if (seen.length === 0) return;
  await tx.query(
    {
      name: 'add-seen-members',
      text: `insert into member_rows (partition, generation, tenant_id, member_id)
             select $1, $2, s.tenant_id, s.member_id
               from unnest($3::uuid[], $4::text[]) as s (tenant_id, member_id)
               left join lateral (
                 select true as is_known from member_rows m
                  where m.partition = $1 and m.generation = $2 and m.tenant_id = s.tenant_id and m.member_id = s.member_id
                  limit 1
               ) known on true
              where known.is_known is null`,
    },
    [
      partition,
      generation,
      encodeUuidArray(seen.map(({ tenantId }) => tenantId)),
      encodeTextArray(seen.map(({ memberId }) => memberId)),
    ],
  );
}

/** Brings members up to date: the record that occurred last stays. */
export async function upsertMembers(
  tx: Transaction,
  { partition, generation }: Scope,
  changes: readonly MemberChange[],
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `insert into member_rows as m (partition, generation, tenant_id, member_id, ${recordColumns.join(', ')})
     select $1, $2, r.tenant_id, r.member_id, ${columnsOf('r')}
       from jsonb_to_recordset($3) as r (tenant_id uuid, member_id text,
                                         record_key uuid, recorded_at timestamptz, record_received_at timestamptz,
                                         user_id text, group_id text, segments jsonb, attributes jsonb)
     on conflict (partition, generation, tenant_id, member_id) do update set
       (${recordColumns.join(', ')}) = (select ${columnsOf('excluded')})
     where m.record_key is null or (excluded.recorded_at, excluded.record_key) > (m.recorded_at, m.record_key)`,
    [
      partition,
      generation,
      JSON.stringify(
        changes.map(({ tenantId, memberId, record }) => ({
          tenant_id: tenantId,
          member_id: memberId,
          record_key: record.recordKey,
          recorded_at: record.recordedAt,
          record_received_at: record.receivedAt,
          user_id: record.userId,
          group_id: record.groupId,
          segments: record.segments,
          attributes: record.attributes,
        })),
      ),
    ],
  );
}

/** Brings users up to date: the record that occurred last stays. */
export async function upsertUsers(
  tx: Transaction,
  { partition, generation }: Scope,
  changes: readonly UserChange[],
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `insert into user_rows as u (partition, generation, tenant_id, user_id, record_key, recorded_at, record_received_at,
                                 attributes)
     select $1, $2, r.tenant_id, r.user_id, r.record_key, r.recorded_at, r.record_received_at, r.attributes
       from jsonb_to_recordset($3) as r (tenant_id uuid, user_id text, record_key uuid, recorded_at timestamptz,
                                         record_received_at timestamptz, attributes jsonb)
     on conflict (partition, generation, tenant_id, user_id) do update set
       record_key = excluded.record_key, recorded_at = excluded.recorded_at,
       record_received_at = excluded.record_received_at, attributes = excluded.attributes
     where (excluded.recorded_at, excluded.record_key) > (u.recorded_at, u.record_key)`,
    [
      partition,
      generation,
      JSON.stringify(
        changes.map(({ tenantId, userId, record }) => ({
          tenant_id: tenantId,
          user_id: userId,
          record_key: record.recordKey,
          recorded_at: record.recordedAt,
          record_received_at: record.receivedAt,
          attributes: record.attributes,
        })),
      ),
    ],
  );
}
