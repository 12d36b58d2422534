import { create, fromBinary } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import {
  ConsentScope,
  EventSchema,
  MemberSchema,
  UserSchema,
} from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { Transaction } from '@parley/database';
import { eventKeyOf, eventKinds } from '@parley/event';
import type { EventKindNumber } from '@parley/event';
import { holdsText } from '../event-content/named-in.ts';
import type { InteractionScope } from './interactions.sql.ts';

/** An event of the log that says something of a member. */
export interface MemberEvent {
  readonly kind: EventKindNumber;
  readonly occurredAt: Date;
  readonly receivedAt: Date;
  readonly event: Event;
}

/** What is in quarantine and names a member. */
export interface QuarantinedMemberEvent {
  readonly quarantineId: string;
  readonly receivedAt: Date;
  readonly reason: string;
  readonly message: string;
  /** Absent where the bytes can't be read. */
  readonly event: Event | undefined;
  readonly body: Uint8Array;
}

interface BodyRow {
  readonly kind: EventKindNumber;
  readonly occurred_at: Date;
  readonly received_at: Date;
  readonly body: Uint8Array;
}

/** Bodies held at a time; with the longest texts and attributes some 40 MiB, usually far below one. */
const bodiesAtOnce = 100;
/** Of quarantine, where each may be 1 MiB long. */
const quarantinedAtOnce = 16;

/**
 * The positions of what belongs to a member: its interactions, and what names it or one of them. Interactions by index
 * interaction_rows_by_member_id, completions and enrichments by key; of the rest, the tenant's rows are gone through.
 */
const positions = `
  with own as (
    select event_key, interaction_id, log_offset, received_at
      from interaction_rows
     where partition = $1 and generation = $2 and tenant_id = $3 and member_id collate "C" = $4 and log_offset > 0
  ), sold as (
    select v.event_key, v.log_offset, v.received_at
      from conversion_rows v
     where v.partition = $1 and v.generation = $2 and v.tenant_id = $3
       and (v.member_id = $4 or v.interaction_key in (select event_key from own))
  )
  select log_offset, received_at from own
  union all
  select c.log_offset, c.received_at
    from own cross join lateral (
      select log_offset, received_at from completion_rows c
       where c.partition = $1 and c.generation = $2 and c.tenant_id = $3 and c.event_key = own.event_key limit 1) c
  union all
  select n.log_offset, null
    from own cross join lateral (
      select log_offset from enrichment_rows n
       where n.partition = $1 and n.generation = $2 and n.tenant_id = $3 and n.event_key = own.event_key limit 1) n
  union all
  select log_offset, received_at from sold
  union all
  select r.log_offset, r.received_at
    from refund_rows r
   where r.partition = $1 and r.generation = $2 and r.tenant_id = $3
     and r.conversion_key in (select event_key from sold)
  ${['feedback_rows', 'handoff_rows']
    .map(
      (table) => `union all
  select f.log_offset, f.received_at
    from ${table} f
   where f.partition = $1 and f.generation = $2 and f.tenant_id = $3
     and (f.member_id = $4 or f.interaction_id in (select interaction_id from own))`,
    )
    .join('\n  ')}`;

/**
 * Every event that the read model knows to be about a member, in the order of the log. Within the caller's transaction,
 * which must be one snapshot; never more than 100 events are held.
 */
export async function* readMemberEvents(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  memberId: string,
): AsyncGenerator<MemberEvent, void, undefined> {
  await tx.query(
    // "limit 1" keeps it a look-up in the month by its index of offsets; an enrichment's month is not known.
    `declare member_events no scroll cursor for
     select e.kind, e.occurred_at, e.received_at, e.body
       from (${positions}) k
      cross join lateral (
        select kind, occurred_at, received_at, body from events e
         where e.partition = $1 and e.tenant_id = $3 and e.log_offset = k.log_offset and e.log_offset > 0
           and e.received_at >= coalesce(k.received_at, '-infinity')
           and e.received_at <= coalesce(k.received_at, 'infinity')
         limit 1
      ) e
      where e.body is not null
      order by k.log_offset`,
    [partition, generation, tenantId, memberId],
  );
  for await (const row of fetchAll<BodyRow>(tx, 'member_events', bodiesAtOnce)) yield toMemberEvent(row);
  await tx.query('close member_events');
}

/**
 * What the log holds of a member in kinds that have no table: what was recorded of it and of its users, exposures and
 * consent; by kind, then by key. Goes through all of the tenant's events of these kinds, by their index of keys.
 * @param upTo the last offset that belongs to the snapshot.
 */
export async function* readUntabledMemberEvents(
  tx: Transaction,
  scope: InteractionScope,
  memberId: string,
  upTo: bigint,
): AsyncGenerator<MemberEvent, void, undefined> {
  // As many as the member's own records name.
  const userIds = new Set<string>();
  for (const kind of [eventKinds.member, eventKinds.user, eventKinds.exposure, eventKinds.consent]) {
    await tx.query(
      `declare untabled_events no scroll cursor for
       select kind, occurred_at, received_at, body from events
        where partition = $1 and tenant_id = $2 and kind = $3 and log_offset <= $4 and body is not null
        order by event_key, log_offset`,
      [scope.partition, scope.tenantId, kind, upTo],
    );
    for await (const rows of fetchBatches<BodyRow>(tx, 'untabled_events', bodiesAtOnce)) {
      const events = rows.map(toMemberEvent);
      const ownInteractions = await findOwnInteractions(
        tx,
        scope,
        memberId,
        events.flatMap(({ event }) => interactionOf(event)),
      );
      for (const found of events) {
        if (!isAbout(found.event, memberId, userIds, ownInteractions)) continue;
        const { payload } = found.event;
        if (payload.case === 'member' && payload.value.userId !== '') userIds.add(payload.value.userId);
        yield found;
      }
    }
    await tx.query('close untabled_events');
  }
}

function isAbout(
  { payload }: Event,
  memberId: string,
  userIds: ReadonlySet<string>,
  ownInteractions: ReadonlySet<string>,
): boolean {
  switch (payload.case) {
    case 'member':
      return payload.value.memberId === memberId;
    case 'user':
      return userIds.has(payload.value.userId);
    case 'exposure':
      return (
        payload.value.unitId === memberId ||
        (payload.value.interactionId !== '' && ownInteractions.has(eventKeyOf(payload.value.interactionId)))
      );
    case 'consent':
      return payload.value.scope === ConsentScope.MEMBER && payload.value.subjectId === memberId;
    default:
      return false;
  }
}

interface RecordRow {
  readonly recorded_at: Date;
  readonly record_received_at: Date;
  readonly user_id: string | null;
  readonly group_id: string | null;
  readonly segments: readonly string[] | null;
  readonly attributes: JsonObject | null;
}

/**
 * What was recorded last of a member and of its user where the events have expired: the read model alone holds it then. By
 * primary keys.
 */
export async function readExpiredRecords(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  memberId: string,
): Promise<readonly MemberEvent[]> {
  const isLogged = (kind: number) => `exists (
    select from events e where e.partition = $1 and e.tenant_id = $3 and e.kind = ${kind}
       and e.event_key = r.record_key and e.body is not null)`;
  const { rows: members } = await tx.query<RecordRow & { is_logged: boolean }>(
    `select r.recorded_at, r.record_received_at, r.user_id, r.group_id, r.segments, r.attributes,
            ${isLogged(eventKinds.member)} as is_logged
       from member_rows r
      where r.partition = $1 and r.generation = $2 and r.tenant_id = $3 and r.member_id = $4 and r.record_key is not null`,
    [partition, generation, tenantId, memberId],
  );
  const [member] = members;
  if (member === undefined) return [];
  const { rows: users } = await tx.query<RecordRow>(
    `select r.recorded_at, r.record_received_at, r.user_id, null as group_id, null as segments, r.attributes
       from user_rows r
      where r.partition = $1 and r.generation = $2 and r.tenant_id = $3 and r.user_id = $4
        and not ${isLogged(eventKinds.user)}`,
    [partition, generation, tenantId, member.user_id],
  );
  const told = (kind: EventKindNumber, row: RecordRow, payload: Event['payload']): MemberEvent => ({
    kind,
    occurredAt: row.recorded_at,
    receivedAt: row.record_received_at,
    event: create(EventSchema, { payload }),
  });
  const attributesOf = ({ attributes }: RecordRow) => (attributes === null ? {} : { attributes });
  return [
    ...(member.is_logged
      ? []
      : [
          told(eventKinds.member, member, {
            case: 'member',
            value: create(MemberSchema, {
              memberId,
              userId: member.user_id ?? '',
              groupId: member.group_id ?? '',
              segments: [...(member.segments ?? [])],
              ...attributesOf(member),
            }),
          }),
        ]),
    ...users.map((user) =>
      told(eventKinds.user, user, {
        case: 'user',
        value: create(UserSchema, { userId: user.user_id ?? '', ...attributesOf(user) }),
      }),
    ),
  ];
}

/** The events in quarantine that name a member or one of its interactions, the earliest first. */
export async function* readQuarantinedMemberEvents(
  tx: Transaction,
  scope: InteractionScope,
  memberId: string,
): AsyncGenerator<QuarantinedMemberEvent, void, undefined> {
  await tx.query(
    `declare quarantined_member_events no scroll cursor for
     select quarantine_id, received_at, reason, message, body from quarantined_events
      where partition = $1 and tenant_id = $2
      order by received_at, quarantine_id`,
    [scope.partition, scope.tenantId],
  );
  for await (const rows of fetchBatches<QuarantinedRow>(tx, 'quarantined_member_events', quarantinedAtOnce)) {
    const found = rows.map((row) => ({ row, event: decode(row.body) }));
    const own = await findOwnInteractions(
      tx,
      scope,
      memberId,
      found.flatMap(({ event }) => (event === undefined ? [] : interactionOf(event))),
    );
    for (const { row, event } of found) {
      const isNamed =
        event === undefined
          ? holdsText(row.body, memberId)
          : namesMember(event, memberId) || interactionOf(event).some((id) => own.has(eventKeyOf(id)));
      if (!isNamed) continue;
      const { quarantine_id: quarantineId, received_at: receivedAt, reason, message, body } = row;
      yield { quarantineId, receivedAt, reason, message, event, body };
    }
  }
  await tx.query('close quarantined_member_events');
}

interface QuarantinedRow {
  readonly quarantine_id: string;
  readonly received_at: Date;
  readonly reason: string;
  readonly message: string;
  readonly body: Uint8Array;
}

function namesMember({ payload }: Event, memberId: string): boolean {
  const { value } = payload;
  if (value === undefined) return false;
  return (
    ('memberId' in value && value.memberId === memberId) ||
    ('unitId' in value && value.unitId === memberId) ||
    ('subjectId' in value && value.subjectId === memberId)
  );
}

/** The id of the interaction that an event refers to. */
function interactionOf({ payload }: Event): readonly string[] {
  const { value } = payload;
  return value !== undefined && 'interactionId' in value && value.interactionId !== ''
    ? [value.interactionId]
    : [];
}

function decode(body: Uint8Array): Event | undefined {
  try {
    return fromBinary(EventSchema, body, { readUnknownFields: false, recursionLimit: 32 });
  } catch {
    // That they can't be read is why they are in quarantine.
    return undefined;
  }
}

/** The keys of those interactions that are the member's, by primary key. */
async function findOwnInteractions(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  memberId: string,
  interactionIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (interactionIds.length === 0) return new Set();
  const { rows } = await tx.query<{ event_key: string }>(
    `select k.event_key
       from unnest($4::uuid[]) as k (event_key)
      cross join lateral (
        select from interaction_rows i
         where i.partition = $1 and i.generation = $2 and i.tenant_id = $3 and i.event_key = k.event_key
           and i.member_id = $5
         limit 1
      ) found`,
    [partition, generation, tenantId, interactionIds.map(eventKeyOf), memberId],
  );
  return new Set(rows.map(({ event_key }) => event_key));
}

function toMemberEvent({ kind, occurred_at, received_at, body }: BodyRow): MemberEvent {
  return { kind, occurredAt: occurred_at, receivedAt: received_at, event: fromBinary(EventSchema, body) };
}

async function* fetchBatches<Row extends object>(
  tx: Transaction,
  cursor: string,
  count: number,
): AsyncGenerator<readonly Row[], void, undefined> {
  for (;;) {
    const { rows } = await tx.query<Row>(`fetch ${count} from ${cursor}`);
    if (rows.length > 0) yield rows;
    if (rows.length < count) return;
  }
}

async function* fetchAll<Row extends object>(
  tx: Transaction,
  cursor: string,
  count: number,
): AsyncGenerator<Row, void, undefined> {
  for await (const rows of fetchBatches<Row>(tx, cursor, count)) yield* rows;
}
