import { encodeUuidArray } from '@parley/database';
import type { Database, Transaction } from '@parley/database';
import { eventKinds } from '@parley/event';
import type { EventKeys, EventKindNumber } from '@parley/event';
import { tablesOfKind } from './erased-rows.sql.ts';
import type { TenantPlace } from './privacy.sql.ts';

/** How far an erasure is. */
export type ErasureStage =
  'naming' | 'referring' | 'refunding' | 'announcing' | 'announced' | 'emptied' | 'complete';

/** An erasure that is under way. */
export interface OpenErasure extends TenantPlace {
  readonly receiptId: string;
  readonly memberHash: Uint8Array;
  readonly memberIds: readonly string[];
  readonly stage: ErasureStage;
  readonly throughOffset: bigint;
  /** Of its last event; undefined before there is one. */
  readonly logOffset: bigint | undefined;
  /** How long ago its events were written; undefined before. */
  readonly announcedForMs: number | undefined;
}

/** Without renewal another process takes over. Times are the database's. */
const holdSeconds = 30;

/** Takes those that are under way and nobody works on, or keeps them; the oldest first. */
export async function holdErasures(
  worker: Database,
  holder: string,
  limit: number,
): Promise<readonly OpenErasure[]> {
  const { rows } = await worker.query<{
    partition: number;
    tenant_id: string;
    receipt_id: string;
    member_hash: Buffer;
    member_ids: readonly string[];
    stage: ErasureStage;
    through_offset: bigint;
    log_offset: bigint | null;
    announced_for_ms: number | null;
  }>(
    `with free as (
       select partition, tenant_id, receipt_id from erasures
        where completed_at is null and (holder is null or holder = $1 or held_until < clock_timestamp())
        order by requested_at limit $2
          for update skip locked
     )
     update erasures e set holder = $1, held_until = clock_timestamp() + make_interval(secs => ${holdSeconds})
       from free
      where e.partition = free.partition and e.tenant_id = free.tenant_id and e.receipt_id = free.receipt_id
     returning e.partition, e.tenant_id, e.receipt_id, e.member_hash, e.member_ids, e.stage, e.through_offset,
               e.log_offset, (extract(epoch from clock_timestamp() - e.announced_at) * 1000)::float8 as announced_for_ms`,
    [holder, limit],
  );
  return rows.map((row) => ({
    partition: row.partition,
    tenantId: row.tenant_id,
    receiptId: row.receipt_id,
    memberHash: row.member_hash,
    memberIds: row.member_ids,
    stage: row.stage,
    throughOffset: row.through_offset,
    logOffset: row.log_offset ?? undefined,
    announcedForMs: row.announced_for_ms ?? undefined,
  }));
}

/** Gives back what this process holds, so that others need not wait. */
export async function releaseErasures(worker: Database, holder: string): Promise<void> {
  await worker.query('update erasures set holder = null, held_until = null where holder = $1', [holder]);
}

/** Moves an erasure on; nothing happens when it has been moved already. */
export async function moveErasure(
  db: Pick<Database, 'query'>,
  { partition, tenantId, receiptId, stage }: OpenErasure,
  to: {
    readonly stage: ErasureStage;
    readonly throughOffset?: bigint;
    readonly logOffset?: bigint;
  },
): Promise<void> {
  await db.query(
    `update erasures
        set stage = $5, through_offset = coalesce($6, through_offset), log_offset = coalesce($7, log_offset),
            announced_at = case when $5 = 'announced' then clock_timestamp() else announced_at end
      where partition = $1 and tenant_id = $2 and receipt_id = $3 and stage = $4`,
    [partition, tenantId, receiptId, stage, to.stage, to.throughOffset, to.logOffset],
  );
}

/** The generation of the read model that answers, where it is of this code or newer and holds all up to an offset. */
export async function findModel(
  worker: Database,
  projection: { readonly name: string; readonly version: number },
  { partition, throughOffset }: OpenErasure,
): Promise<number | undefined> {
  const { rows } = await worker.query<{ generation: number }>(
    `select g.generation
       from projection_generations g
       join projection_checkpoints c using (projection, generation)
      where g.projection = $1 and g.version >= $2 and g.state = 'active' and c.partition = $3 and c.position >= $4`,
    [projection.name, projection.version, partition, throughOffset],
  );
  return rows[0]?.generation;
}

/**
 * Has the planner look up one row after the other: while it has no statistics, of months, columns without any and what an
 * erasure has just written, it would take tables for empty and read them from end to end for each row.
 */
async function seekByIndex(tx: Transaction): Promise<void> {
  await tx.query(
    `select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
            set_config('enable_seqscan', 'off', true)`,
  );
}

/** Rows written by one statement. */
const rowsAtOnce = 20_000;

/** Runs a statement that writes at most `rowsAtOnce` rows that are not there yet, until there are none. */
async function exhaust(worker: Database, text: string, parameters: readonly unknown[]): Promise<void> {
  for (;;) {
    const { rowCount } = await worker.transaction(async (tx) => {
      await seekByIndex(tx);
      return tx.query(text, parameters);
    });
    if (rowCount < rowsAtOnce) return;
  }
}

/** "offset 0" keeps it a look-up by the whole key for each row: a join would go through all that is there for each. */
const isNoTarget = (kind: string, key: string) =>
  `not exists (select from erasure_targets t
                where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3
                  and t.kind = ${kind} and t.event_key = ${key}
               offset 0)`;
const intoTargets = 'insert into erasure_targets (partition, tenant_id, receipt_id, kind, event_key)';

/** Adds to an erasure every event that names its member, and the users that nobody else is. */
export async function collectNamed(
  worker: Database,
  { partition, tenantId, receiptId, memberIds }: OpenErasure,
  generation: number,
): Promise<void> {
  const own = [partition, tenantId, receiptId, generation, memberIds];
  // By index interaction_rows_by_member_id.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, ${eventKinds.interaction}, i.event_key
       from interaction_rows i
      where i.tenant_id = $2 and i.member_id collate "C" = any($5::text[]) and i.log_offset > 0
        and i.partition = $1 and i.generation = $4 and ${isNoTarget(String(eventKinds.interaction), 'i.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_member_id.
  await exhaust(
    worker,
    `${intoTargets}
     select distinct $1::int, $2::uuid, $3::uuid, r.kind, r.event_key
       from reference_rows r
      where r.tenant_id = $2 and r.member_id collate "C" = any($5::text[]) and r.log_offset > 0
        and r.partition = $1 and r.generation = $4 and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_user_id, for each of the member's users.
  await worker.query(
    `insert into erasure_users (partition, tenant_id, receipt_id, user_id)
     select distinct $1::int, $2::uuid, $3::uuid, r.user_id
       from reference_rows r
      where r.tenant_id = $2 and r.member_id collate "C" = any($5::text[]) and r.log_offset > 0
        and r.partition = $1 and r.generation = $4 and r.kind = ${eventKinds.member} and r.user_id is not null
        and not exists (
          select from reference_rows o
           where o.tenant_id = $2 and o.user_id collate "C" = r.user_id collate "C" and o.log_offset > 0
             and o.partition = $1 and o.generation = $4 and o.kind = ${eventKinds.member}
             and not o.member_id = any($5::text[]))
     on conflict do nothing`,
    own,
  );
}

/** Adds what refers to the interactions of an erasure, and the records of its users. */
export async function collectReferring(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  generation: number,
): Promise<void> {
  const own = [partition, tenantId, receiptId, generation];
  const interactions = `
       from erasure_targets i
      cross join lateral (`;
  const isOwn = `
      where i.partition = $1 and i.tenant_id = $2 and i.receipt_id = $3 and i.kind = ${eventKinds.interaction}`;
  // By primary key.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, ${eventKinds.completion}, i.event_key ${interactions}
        select from completion_rows c
         where c.partition = $1 and c.event_key = i.event_key and c.tenant_id = $2 and c.generation = $4
         limit 1) c
      ${isOwn} and ${isNoTarget(String(eventKinds.completion), 'i.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_subject.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, r.kind, r.event_key ${interactions}
        select r.kind, r.event_key from reference_rows r
         where r.tenant_id = $2 and r.subject_key = i.event_key and r.log_offset > 0
           and r.partition = $1 and r.generation = $4 and r.kind <> ${eventKinds.refund}
         offset 0) r
      ${isOwn} and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
  // By index reference_rows_by_user_id.
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, r.kind, r.event_key
       from erasure_users u
      cross join lateral (
        select r.kind, r.event_key from reference_rows r
         where r.tenant_id = $2 and r.user_id collate "C" = u.user_id and r.log_offset > 0
           and r.partition = $1 and r.generation = $4 and r.kind = ${eventKinds.user}
         offset 0) r
      where u.partition = $1 and u.tenant_id = $2 and u.receipt_id = $3 and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    own,
  );
}

/** Adds the refunds of its conversions. By index reference_rows_by_subject. */
export async function collectRefunds(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  generation: number,
): Promise<void> {
  await exhaust(
    worker,
    `${intoTargets}
     select $1, $2, $3, r.kind, r.event_key
       from erasure_targets v
      cross join lateral (
        select r.kind, r.event_key from reference_rows r
         where r.tenant_id = $2 and r.subject_key = v.event_key and r.log_offset > 0
           and r.partition = $1 and r.generation = $4 and r.kind = ${eventKinds.refund}
         offset 0) r
      where v.partition = $1 and v.tenant_id = $2 and v.receipt_id = $3 and v.kind = ${eventKinds.conversion}
        and ${isNoTarget('r.kind', 'r.event_key')}
      limit ${rowsAtOnce}
     on conflict do nothing`,
    [partition, tenantId, receiptId, generation],
  );
}

/** Adds single events. */
export async function addTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  targets: readonly { readonly kind: number; readonly eventKey: string }[],
): Promise<void> {
  if (targets.length === 0) return;
  await worker.query(
    `${intoTargets} select $1, $2, $3, t.* from unnest($4::smallint[], $5::uuid[]) as t on conflict do nothing`,
    [
      partition,
      tenantId,
      receiptId,
      targets.map(({ kind }) => kind),
      targets.map(({ eventKey }) => eventKey),
    ],
  );
}

/** An event of the tenant that the read model could not take. */
export interface ParkedTarget {
  readonly kind: number;
  readonly eventKey: string;
  readonly body: Uint8Array;
}

/** Those of a partition that are parked, whichever generation could not take them; there should be none. */
export async function readParked(
  worker: Database,
  projection: string,
  { partition, tenantId }: TenantPlace,
): Promise<readonly ParkedTarget[]> {
  const { rows } = await worker.query<{ kind: number; event_key: string; body: Buffer }>(
    `select e.kind, e.event_key, e.body
       from (select distinct log_offset from projection_parked where projection = $1 and partition = $2) p
      cross join lateral (
        select kind, event_key, body from events e
         where e.partition = $2 and e.log_offset = p.log_offset and e.log_offset > 0 and e.tenant_id = $3
           and e.body is not null
         limit 1) e`,
    [projection, partition, tenantId],
  );
  return rows.map(({ kind, event_key: eventKey, body }) => ({ kind, eventKey, body }));
}

/** Which of these events go with an erasure. */
export async function findTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  kind: EventKindNumber,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const { rows } = await worker.query<{ event_key: string }>(
    `select event_key from erasure_targets
      where partition = $1 and tenant_id = $2 and receipt_id = $3 and kind = $4 and event_key = any($5::uuid[])`,
    [partition, tenantId, receiptId, kind, keys],
  );
  return new Set(rows.map((row) => row.event_key));
}

export async function readUsers(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<readonly string[]> {
  const { rows } = await worker.query<{ user_id: string }>(
    `select user_id from erasure_users
      where partition = $1 and tenant_id = $2 and receipt_id = $3 order by user_id`,
    [partition, tenantId, receiptId],
  );
  return rows.map(({ user_id }) => user_id);
}

/**
 * Has what would refer to the interactions and conversions of an erasure refused, and what is about its users. It holds
 * once the version has been raised.
 */
export async function blockReferences(
  worker: Database,
  { partition, tenantId, receiptId, memberHash }: OpenErasure,
  users: readonly Uint8Array[],
): Promise<void> {
  const columns = 'partition, tenant_id, scope, subject, is_allowed, changed_at, cause_scope, cause_subject';
  for (const [scope, kind] of [
    ['interaction', eventKinds.interaction],
    ['conversion', eventKinds.conversion],
  ] as const) {
    await exhaust(
      worker,
      `insert into privacy_subjects (${columns})
       select $1, $2, $5, uuid_send(t.event_key), false, now(), 'erased_member', $4
         from erasure_targets t
        where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3 and t.kind = ${kind}
          and not exists (select from privacy_subjects s
                           where s.partition = $1 and s.tenant_id = $2 and s.scope = $5
                             and s.subject = uuid_send(t.event_key)
                          offset 0)
        limit ${rowsAtOnce}
       on conflict do nothing`,
      [partition, tenantId, receiptId, Buffer.from(memberHash), scope],
    );
  }
  await worker.query(
    `insert into privacy_subjects (${columns})
     select $1, $2, 'erased_user', u.subject, false, now(), 'erased_member', $3 from unnest($4::bytea[]) as u (subject)
     on conflict do nothing`,
    [partition, tenantId, Buffer.from(memberHash), users.map((subject) => Buffer.from(subject))],
  );
}

/** A page of an erasure's events in the order of kind and key, from after one. */
export async function readTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  after: { readonly kind: number; readonly eventKey: string } | undefined,
  limit: number,
): Promise<readonly { readonly kind: number; readonly eventKey: string }[]> {
  const { rows } = await worker.query<{ kind: number; eventKey: string }>(
    `select kind, event_key as "eventKey" from erasure_targets
      where partition = $1 and tenant_id = $2 and receipt_id = $3
        and ($4::smallint is null or (kind, event_key) > ($4, $5::uuid))
      order by kind, event_key limit $6`,
    [partition, tenantId, receiptId, after?.kind, after?.eventKey, limit],
  );
  return rows;
}

export async function countTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<number> {
  const { rows } = await worker.query<{ n: bigint }>(
    'select count(*) as n from erasure_targets where partition = $1 and tenant_id = $2 and receipt_id = $3',
    [partition, tenantId, receiptId],
  );
  return Number(rows[0]?.n ?? 0n);
}

/** The read model's tables, with how to count in one what is of an erasure; $4 generations: null for all. */
const countsByPlace: ReadonlyMap<string, string> = new Map([
  ...[...tablesOfKind].flatMap(([kind, tables]) =>
    tables.map(
      (table) =>
        [
          table,
          `select count(*) as n from erasure_targets t
            cross join lateral (
              select from ${table} r
               where r.partition = $1 and r.event_key = t.event_key and r.tenant_id = $2
                 and ($4::int is null or r.generation = $4)
               offset 0) r
            where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3 and t.kind = ${kind}`,
        ] as const,
    ),
  ),
  [
    'reference_rows',
    `select count(*) as n from erasure_targets t
      cross join lateral (
        select from reference_rows r
         where r.partition = $1 and r.event_key = t.event_key and r.tenant_id = $2 and r.kind = t.kind
           and ($4::int is null or r.generation = $4)
         offset 0) r
      where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3`,
  ],
  [
    'member_rows',
    `select count(*) as n from member_rows r join erasures e
         on e.partition = $1 and e.tenant_id = $2 and e.receipt_id = $3 and r.member_id = any(e.member_ids)
      where r.partition = $1 and r.tenant_id = $2 and ($4::int is null or r.generation = $4)`,
  ],
  [
    'user_rows',
    `select count(*) as n from user_rows r join erasure_users u
         on u.partition = $1 and u.tenant_id = $2 and u.receipt_id = $3 and r.user_id = u.user_id
      where r.partition = $1 and r.tenant_id = $2 and ($4::int is null or r.generation = $4)`,
  ],
]);

/** How many rows of an erasure each table of the read model holds. */
export async function countModelRows(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  generation: number | undefined,
): Promise<ReadonlyMap<string, bigint>> {
  return worker.transaction(async (tx) => {
    await seekByIndex(tx);
    const counts = new Map<string, bigint>();
    for (const [place, text] of countsByPlace) {
      const { rows } = await tx.query<{ n: bigint }>(text, [partition, tenantId, receiptId, generation]);
      counts.set(place, rows[0]?.n ?? 0n);
    }
    return counts;
  });
}

/** Notes how many rows places hold before they are touched; what was noted stays. */
export async function notePlaces(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  counts: ReadonlyMap<string, bigint>,
): Promise<void> {
  const found = [...counts].filter(([, count]) => count > 0n);
  await worker.query(
    `insert into erasure_places (partition, tenant_id, receipt_id, service, place, row_count_before, row_count_after)
     select $1, $2, $3, 'ingestion', p.place, p.n, p.n from unnest($4::text[], $5::bigint[]) as p (place, n)
     on conflict do nothing`,
    [partition, tenantId, receiptId, found.map(([place]) => place), found.map(([, count]) => count)],
  );
}

/** Adds to how many rows of a place were touched, and says that none is left. */
async function addTouched(
  tx: Transaction,
  { partition, tenantId, receiptId }: OpenErasure,
  place: string,
  count: number,
): Promise<void> {
  if (count === 0) return;
  await tx.query(
    `insert into erasure_places as p
       (partition, tenant_id, receipt_id, service, place, row_count_before, row_count_after)
     values ($1, $2, $3, 'ingestion', $4, $5, 0)
     on conflict (partition, tenant_id, receipt_id, service, place)
     do update set row_count_before = p.row_count_before + excluded.row_count_before`,
    [partition, tenantId, receiptId, place, count],
  );
}

/** Events emptied in one transaction. */
const eventsAtOnce = 500;

/** Takes bodies and fingerprints out of the log, some at a time. False when none is left. By the index of keys of each month. */
export async function emptyEvents(worker: Database, erasure: OpenErasure): Promise<boolean> {
  const { partition, tenantId, receiptId } = erasure;
  return worker.transaction(async (tx) => {
    await seekByIndex(tx);
    const own = [partition, tenantId, receiptId];
    const { rows } = await tx.query<{ kind: number; eventKey: string }>(
      `select kind, event_key as "eventKey" from erasure_targets
        where partition = $1 and tenant_id = $2 and receipt_id = $3 and not is_emptied limit ${eventsAtOnce}`,
      own,
    );
    if (rows.length === 0) return false;
    let count = 0;
    for (const [kind, keys] of byKind(rows)) {
      const encoded = encodeUuidArray(keys);
      const { rowCount } = await tx.query(
        `update events set body = null, fingerprint = null
          where partition = $1 and tenant_id = $2 and kind = $3 and event_key = any($4) and body is not null`,
        [partition, tenantId, kind, encoded],
      );
      count += rowCount;
      await tx.query(
        `update erasure_targets set is_emptied = true
          where partition = $1 and tenant_id = $2 and receipt_id = $3 and kind = $4 and event_key = any($5)`,
        [...own, kind, encoded],
      );
    }
    await addTouched(tx, erasure, 'events', count);
    return true;
  });
}

/** How many events of an erasure have a body. */
export async function countBodies(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<bigint> {
  return worker.transaction(async (tx) => {
    await seekByIndex(tx);
    const { rows } = await tx.query<{ n: bigint }>(
      `select count(*) as n from erasure_targets t
      cross join lateral (
        select from events e
         where e.partition = $1 and e.tenant_id = $2 and e.kind = t.kind and e.event_key = t.event_key
           and e.body is not null
         offset 0) e
      where t.partition = $1 and t.tenant_id = $2 and t.receipt_id = $3`,
      [partition, tenantId, receiptId],
    );
    return rows[0]?.n ?? 0n;
  });
}

/** Bodies may be a megabyte each. */
const quarantinedAtOnce = 16;

/** Deletes those events in quarantine that `isErased` names. Goes through all of the tenant's. */
export async function deleteQuarantined(
  worker: Database,
  erasure: OpenErasure,
  isErased: (bodies: readonly Uint8Array[]) => Promise<readonly boolean[]>,
): Promise<void> {
  const { partition, tenantId } = erasure;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await worker.query<{ quarantine_id: string; body: Buffer }>(
      `select quarantine_id, body from quarantined_events
        where partition = $1 and tenant_id = $2 and quarantine_id > $3
        order by quarantine_id limit ${quarantinedAtOnce}`,
      [partition, tenantId, after],
    );
    const erased = await isErased(rows.map(({ body }) => body));
    const ids = rows.filter((_, index) => erased[index]).map((row) => row.quarantine_id);
    if (ids.length > 0) {
      await worker.transaction(async (tx) => {
        const { rowCount } = await tx.query(
          `delete from quarantined_events
            where partition = $1 and tenant_id = $2 and quarantine_id = any($3::uuid[])`,
          [partition, tenantId, ids],
        );
        await addTouched(tx, erasure, 'quarantined_events', rowCount);
      });
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.quarantine_id;
  }
}

const readsAtOnce = 1_000;

/**
 * Takes out of the audit of reads what was asked for, where that names a member or one of its interactions; that somebody
 * read stays. Goes through all of the tenant's.
 * @param isInteraction which of these ids of interactions are the member's.
 */
export async function anonymizeTextReads(
  worker: Database,
  erasure: OpenErasure,
  isInteraction: (ids: readonly string[]) => Promise<readonly boolean[]>,
): Promise<void> {
  const { partition, tenantId, memberIds } = erasure;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await worker.query<{ read_id: string; names: boolean; interaction_id: string | null }>(
      `select read_id, request ->> 'interaction_id' as interaction_id,
              exists (select from jsonb_each_text(request) v where v.value = any($4::text[])) as names
         from text_reads
        where partition = $1 and tenant_id = $2 and read_id > $3
        order by read_id limit ${readsAtOnce}`,
      [partition, tenantId, after, memberIds],
    );
    const ids = rows.flatMap(({ interaction_id: id }) => (id === null ? [] : [id]));
    const own = await isInteraction(ids);
    const ownIds = new Set(ids.filter((_, index) => own[index]));
    const erased = rows.filter(({ names, interaction_id: id }) => names || (id !== null && ownIds.has(id)));
    if (erased.length > 0) {
      await worker.transaction(async (tx) => {
        const { rowCount } = await tx.query(
          `update text_reads set request = '{"erased": "true"}'
            where partition = $1 and tenant_id = $2 and read_id = any($3::uuid[])`,
          [partition, tenantId, erased.map(({ read_id }) => read_id)],
        );
        await addTouched(tx, erasure, 'text_reads', rowCount);
      });
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.read_id;
  }
}

/** Errors of parked events quote what they failed on. */
export async function forgetParkedErrors(
  worker: Database,
  projection: string,
  erasure: OpenErasure,
): Promise<void> {
  const { partition, tenantId, receiptId } = erasure;
  await worker.query(
    `update projection_parked p set error = 'The event was erased.'
       from events e
       join erasure_targets t
         on t.partition = $2 and t.tenant_id = $3 and t.receipt_id = $4 and t.kind = e.kind and t.event_key = e.event_key
      where p.projection = $1 and p.partition = $2
        and e.partition = $2 and e.log_offset = p.log_offset and e.log_offset > 0 and e.tenant_id = $3`,
    [projection, partition, tenantId, receiptId],
  );
}

/** Which services have confirmed an erasure, and whether for good. */
export async function readConfirmations(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<ReadonlyMap<string, boolean>> {
  const { rows } = await worker.query<{ service: string; is_final: boolean }>(
    `select service, is_final from erasure_confirmations
      where partition = $1 and tenant_id = $2 and receipt_id = $3`,
    [partition, tenantId, receiptId],
  );
  return new Map(rows.map((row) => [row.service, row.is_final]));
}

/**
 * Ends an erasure: its events in the log keep nothing but `blank`, and whom it was about is forgotten.
 * @param after what is left in the read model and the log, by place.
 */
export async function completeErasure(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  {
    blank,
    eventKeys,
    after,
    at,
  }: {
    readonly blank: Uint8Array;
    readonly eventKeys: readonly string[];
    readonly after: ReadonlyMap<string, bigint>;
    readonly at: Date;
  },
): Promise<void> {
  const own = [partition, tenantId, receiptId];
  await worker.transaction(async (tx) => {
    await tx.query(
      `update events set body = $5, fingerprint = null
        where partition = $1 and tenant_id = $2 and kind = $3 and event_key = any($4::uuid[])`,
      [partition, tenantId, eventKinds.erasure, eventKeys, Buffer.from(blank)],
    );
    await tx.query(
      `update erasure_places p set row_count_after = coalesce(a.n, 0)
         from (select place, n from unnest($4::text[], $5::bigint[]) as a (place, n)) a
        where p.partition = $1 and p.tenant_id = $2 and p.receipt_id = $3 and p.service = 'ingestion'
          and p.place = a.place`,
      [...own, [...after.keys()], [...after.values()]],
    );
    for (const table of ['erasure_targets', 'erasure_users']) {
      await tx.query(`delete from ${table} where partition = $1 and tenant_id = $2 and receipt_id = $3`, own);
    }
    await tx.query(
      `update erasures set stage = 'complete', completed_at = $4, member_ids = null, holder = null, held_until = null
        where partition = $1 and tenant_id = $2 and receipt_id = $3`,
      [...own, at],
    );
  });
}

/** What an erasure of a service is to be confirmed by. */
export interface Confirmation {
  readonly receiptId: string;
  readonly service: string;
  readonly places: readonly {
    readonly place: string;
    readonly rowCountBefore: bigint;
    readonly rowCountAfter: bigint;
  }[];
  readonly isFinal: boolean;
}

/** Writes a confirmation down in place of an earlier one; false when there is no such receipt. */
export async function writeConfirmation(
  worker: Database,
  { receiptId, service, places, isFinal }: Confirmation,
): Promise<boolean> {
  return worker.transaction(async (tx) => {
    const { rows } = await tx.query<{ partition: number; tenant_id: string }>(
      'select partition, tenant_id from erasures where receipt_id = $1',
      [receiptId],
    );
    const [erasure] = rows;
    if (erasure === undefined) return false;
    const own = [erasure.partition, erasure.tenant_id, receiptId, service];
    await tx.query(
      'delete from erasure_places where partition = $1 and tenant_id = $2 and receipt_id = $3 and service = $4',
      own,
    );
    await tx.query(
      `insert into erasure_places (partition, tenant_id, receipt_id, service, place, row_count_before, row_count_after)
       select $1, $2, $3, $4, p.* from unnest($5::text[], $6::bigint[], $7::bigint[]) as p`,
      [
        ...own,
        places.map(({ place }) => place),
        places.map(({ rowCountBefore }) => rowCountBefore),
        places.map(({ rowCountAfter }) => rowCountAfter),
      ],
    );
    await tx.query(
      `insert into erasure_confirmations as c (partition, tenant_id, receipt_id, service, is_final)
       values ($1, $2, $3, $4, $5)
       on conflict (partition, tenant_id, receipt_id, service) do update set is_final = c.is_final or excluded.is_final`,
      [...own, isFinal],
    );
    return true;
  });
}

/** The erasures that a service has still to confirm, the oldest first. */
export async function listUnconfirmed(
  worker: Database,
  service: string,
  limit: number,
): Promise<
  readonly {
    readonly receiptId: string;
    readonly tenantId: string;
    readonly partition: number;
    readonly logOffset: bigint;
    readonly memberIds: readonly string[];
    readonly isLogEmptied: boolean;
  }[]
> {
  const { rows } = await worker.query<{
    receiptId: string;
    tenantId: string;
    partition: number;
    logOffset: bigint;
    memberIds: readonly string[];
    isLogEmptied: boolean;
  }>(
    `select e.receipt_id as "receiptId", e.tenant_id as "tenantId", e.partition, e.log_offset as "logOffset",
            e.member_ids as "memberIds", e.stage = 'emptied' as "isLogEmptied"
       from erasures e
       left join erasure_confirmations c
         on c.partition = e.partition and c.tenant_id = e.tenant_id and c.receipt_id = e.receipt_id and c.service = $1
      where e.completed_at is null and e.stage in ('announced', 'emptied')
        and (c.service is null or (e.stage = 'emptied' and not c.is_final))
      order by e.requested_at limit $2`,
    [service, limit],
  );
  return rows;
}

/** Some of an erasure's events by kind. */
export function byKind(targets: readonly { readonly kind: number; readonly eventKey: string }[]): EventKeys {
  const events = new Map<number, string[]>();
  for (const { kind, eventKey } of targets) {
    const keys = events.get(kind);
    if (keys === undefined) events.set(kind, [eventKey]);
    else keys.push(eventKey);
  }
  return events;
}
