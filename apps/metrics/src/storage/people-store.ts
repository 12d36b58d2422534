import type { MemberFact, UserFact } from '../projection/facts.ts';
import type { RowScope } from './fact-store.ts';

/**
 * Leans on the primary key of member_facts. The record that occurred last stays, of two at once the higher key. The same
 * record once more is written over: a copy that was made by earlier code may lack what is kept now.
 */
const saveMembersSql = {
  name: 'save-member-facts',
  text: `
    insert into member_facts as m
      (partition, tenant_id, generation, member_ordinal, user_id, segments, occurred_at, event_key)
    select $1, tenant_id, $2, member_ordinal, user_id,
           array(select name from jsonb_array_elements_text(segments::jsonb) with ordinality as s (name, place)
                  order by place),
           occurred_at, event_key
      from unnest($3::uuid[], $4::integer[], $5::text[], $6::text[], $7::timestamptz[], $8::uuid[])
        as told (tenant_id, member_ordinal, user_id, segments, occurred_at, event_key)
    on conflict (partition, tenant_id, generation, member_ordinal)
    do update set user_id = excluded.user_id, segments = excluded.segments, occurred_at = excluded.occurred_at,
                  event_key = excluded.event_key
     where (excluded.occurred_at, excluded.event_key) >= (m.occurred_at, m.event_key)`,
};

/** Keeps these records where they are later than those stored. Each member may be given once. */
export async function saveMembers(
  { tx, partition, generation }: RowScope,
  members: readonly MemberFact[],
): Promise<void> {
  if (members.length === 0) return;
  await tx.query(saveMembersSql, [
    partition,
    generation,
    members.map(({ tenantId }) => tenantId),
    members.map(({ memberOrdinal }) => memberOrdinal),
    members.map(({ userId }) => userId),
    // An array for each can't be given in an array.
    members.map(({ segments }) => JSON.stringify(segments)),
    members.map(({ occurredAt }) => occurredAt),
    members.map(({ eventKey }) => eventKey),
  ]);
}

/** Leans on the primary key of user_facts. */
const saveUsersSql = {
  name: 'save-user-facts',
  text: `
    insert into user_facts as u (partition, tenant_id, generation, user_id, first_occurred_at)
    select $1, tenant_id, $2, user_id, first_occurred_at
      from unnest($3::uuid[], $4::text[], $5::timestamptz[]) as told (tenant_id, user_id, first_occurred_at)
    on conflict (partition, tenant_id, generation, user_id)
    do update set first_occurred_at = excluded.first_occurred_at
     where excluded.first_occurred_at < u.first_occurred_at`,
};

/** Keeps these records where they are earlier than those stored. Each user may be given once. */
export async function saveUsers(
  { tx, partition, generation }: RowScope,
  users: readonly UserFact[],
): Promise<void> {
  if (users.length === 0) return;
  await tx.query(saveUsersSql, [
    partition,
    generation,
    users.map(({ tenantId }) => tenantId),
    users.map(({ userId }) => userId),
    users.map(({ firstOccurredAt }) => firstOccurredAt),
  ]);
}

/**
 * Deletes members' records, by ordinal; where none is found, by the events that recorded them, since a generation that is
 * computed anew may know them by other ordinals. How many there were.
 */
export async function deleteMembers(
  { tx, partition, generation }: RowScope,
  tenantId: string,
  ordinals: readonly number[],
  eventKeys: readonly string[],
): Promise<number> {
  const own = [partition, tenantId, generation];
  const isOwn = 'partition = $1 and tenant_id = $2 and generation = $3';
  const { rowCount } = await tx.query(
    `delete from member_facts where ${isOwn} and member_ordinal = any($4::integer[])`,
    [...own, ordinals],
  );
  if (rowCount > 0 || eventKeys.length === 0) return rowCount;
  const byEvent = await tx.query(`delete from member_facts where ${isOwn} and event_key = any($4::uuid[])`, [
    ...own,
    eventKeys,
  ]);
  return byEvent.rowCount;
}

/** Deletes users' records; how many there were. */
export async function deleteUsers(
  { tx, partition, generation }: RowScope,
  tenantId: string,
  userIds: readonly string[],
): Promise<number> {
  const { rowCount } = await tx.query(
    `delete from user_facts
      where partition = $1 and tenant_id = $2 and generation = $3 and user_id = any($4::text[])`,
    [partition, tenantId, generation, userIds],
  );
  return rowCount;
}
