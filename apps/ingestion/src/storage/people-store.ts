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

/** What is new of a member: when it was last active, what was recorded last, or both. */
export interface MemberChange {
  readonly tenantId: string;
  readonly memberId: string;
  readonly lastActivityAt: Date | undefined;
  readonly record: MemberRecord | undefined;
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

/** Brings members up to date: the latest activity stays, and the record that occurred last. */
export async function upsertMembers(
  tx: Transaction,
  { partition, generation }: Scope,
  changes: readonly MemberChange[],
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `insert into member_rows as m (partition, generation, tenant_id, member_id, last_activity_at, ${recordColumns.join(', ')})
     select $1, $2, r.tenant_id, r.member_id, r.last_activity_at, ${columnsOf('r')}
       from jsonb_to_recordset($3) as r (tenant_id uuid, member_id text, last_activity_at timestamptz,
                                         record_key uuid, recorded_at timestamptz, record_received_at timestamptz,
                                         user_id text, group_id text, segments jsonb, attributes jsonb)
     on conflict (partition, generation, tenant_id, member_id) do update set
       last_activity_at = greatest(m.last_activity_at, excluded.last_activity_at),
       (${recordColumns.join(', ')}) = (
         select ${columnsOf('last')}
           from (values (${columnsOf('m')}), (${columnsOf('excluded')})) as last (${recordColumns.join(', ')})
          order by last.recorded_at desc nulls last, last.record_key desc
          limit 1)`,
    [
      partition,
      generation,
      JSON.stringify(
        changes.map(({ tenantId, memberId, lastActivityAt, record }) => ({
          tenant_id: tenantId,
          member_id: memberId,
          last_activity_at: lastActivityAt,
          record_key: record?.recordKey,
          recorded_at: record?.recordedAt,
          record_received_at: record?.receivedAt,
          user_id: record?.userId,
          group_id: record?.groupId,
          segments: record?.segments,
          attributes: record?.attributes,
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
