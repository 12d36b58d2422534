import type { Database, Transaction } from '@parley/database';
import type { ContentMode } from '../event-content/content-mode.ts';

/** Where a tenant lives. */
export interface TenantPlace {
  readonly partition: number;
  readonly tenantId: string;
}

/** What holds of a tenant that has said something about privacy, or of whom somebody was erased. */
export interface TenantRules {
  readonly contentMode: ContentMode;
  /** Of its HMACs. */
  readonly subjectKey: Uint8Array;
  readonly isAllowed: boolean;
  /** Whether members, groups or events are to be looked up one by one. */
  readonly hasBlocked: boolean;
}

/** The rules of a tenant, and the version of its partition's as it was in the same snapshot. */
export interface VersionedRules extends TenantPlace {
  readonly version: bigint;
  /** Undefined: everything may be stored as it came. */
  readonly rules: TenantRules | undefined;
  /** What occurred before this is refused; undefined: nothing is too old. */
  readonly tooOldBefore: Date | undefined;
}

/** By primary keys. */
export async function readTenantRules(
  db: Pick<Database, 'query'>,
  places: readonly TenantPlace[],
): Promise<readonly VersionedRules[]> {
  const { rows } = await db.query<{
    partition: number;
    tenant_id: string;
    privacy_version: bigint;
    content_mode: ContentMode | null;
    subject_key: Buffer | null;
    is_allowed: boolean;
    has_blocked: boolean;
    too_old_before: Date | null;
  }>(
    {
      name: 'read-tenant-rules',
      text: `select k.partition, k.tenant_id, h.privacy_version, s.content_mode, s.subject_key,
                    not exists (select from privacy_subjects b
                                 where b.partition = k.partition and b.tenant_id = k.tenant_id and b.scope = 'tenant'
                                   and not b.is_allowed) as is_allowed,
                    exists (select from privacy_subjects b
                             where b.partition = k.partition and b.tenant_id = k.tenant_id and b.scope <> 'tenant'
                               and not b.is_allowed) as has_blocked,
                    o.too_old_before
               from unnest($1::int[], $2::uuid[]) as k (partition, tenant_id)
               join partition_heads h on h.partition = k.partition
               left join privacy_settings s on s.partition = k.partition and s.tenant_id = k.tenant_id
               left join raw_seals o on o.partition = k.partition and o.tenant_id = k.tenant_id`,
    },
    [places.map(({ partition }) => partition), places.map(({ tenantId }) => tenantId)],
  );
  return rows.map((row) => ({
    partition: row.partition,
    tenantId: row.tenant_id,
    version: row.privacy_version,
    rules:
      row.content_mode === null || row.subject_key === null
        ? undefined
        : {
            contentMode: row.content_mode,
            subjectKey: row.subject_key,
            isAllowed: row.is_allowed,
            hasBlocked: row.has_blocked,
          },
    tooOldBefore: row.too_old_before ?? undefined,
  }));
}

export type SubjectScope =
  'member' | 'group' | 'tenant' | 'erased_member' | 'erased_user' | 'interaction' | 'conversion';

export interface Subject extends TenantPlace {
  readonly scope: SubjectScope;
  readonly subject: Uint8Array;
}

/** Who, or what, is not to be stored. */
export interface BlockedSubject {
  /** Place in the list that was asked for. */
  readonly index: number;
  /** For want of whose consent; undefined where the subject is of consent itself, or erased. */
  readonly cause: { readonly scope: string; readonly subject: Uint8Array } | undefined;
}

/** Those that may not be stored, by primary key. */
export async function findBlocked(
  db: Pick<Database, 'query'>,
  subjects: readonly Subject[],
): Promise<readonly BlockedSubject[]> {
  if (subjects.length === 0) return [];
  // "offset 0" keeps it a look-up for each.
  const { rows } = await db.query<{
    position: bigint;
    cause_scope: string | null;
    cause_subject: Buffer | null;
  }>(
    `select k.position, b.cause_scope, b.cause_subject
       from unnest($1::int[], $2::uuid[], $3::text[], $4::bytea[]) with ordinality
              as k (partition, tenant_id, scope, subject, position)
      cross join lateral (
        select b.cause_scope, b.cause_subject from privacy_subjects b
         where b.partition = k.partition and b.tenant_id = k.tenant_id and b.scope = k.scope and b.subject = k.subject
           and not b.is_allowed
         offset 0
      ) b`,
    columnsOf(subjects),
  );
  return rows.map(({ position, cause_scope: scope, cause_subject: subject }) => ({
    index: Number(position) - 1,
    cause: scope === null || subject === null ? undefined : { scope, subject },
  }));
}

function columnsOf(subjects: readonly Subject[]): readonly unknown[][] {
  return [
    subjects.map(({ partition }) => partition),
    subjects.map(({ tenantId }) => tenantId),
    subjects.map(({ scope }) => scope),
    subjects.map(({ subject }) => Buffer.from(subject)),
  ];
}

/** How many events were refused for want of somebody's consent. */
export interface RefusalCount extends TenantPlace {
  readonly scope: string;
  readonly subject: Uint8Array;
  readonly count: number;
}

/** Adds to the counts of today, by UTC. Each subject may be given once. */
export async function countRefusals(tx: Transaction, counts: readonly RefusalCount[]): Promise<void> {
  if (counts.length === 0) return;
  await tx.query(
    `insert into consent_refusals as r (partition, tenant_id, scope, subject, day, refused_count)
     select c.partition, c.tenant_id, c.scope, c.subject, (now() at time zone 'UTC')::date, c.n
       from unnest($1::int[], $2::uuid[], $3::text[], $4::bytea[], $5::bigint[])
              as c (partition, tenant_id, scope, subject, n)
     on conflict (partition, tenant_id, scope, subject, day)
     do update set refused_count = r.refused_count + excluded.refused_count`,
    [
      counts.map(({ partition }) => partition),
      counts.map(({ tenantId }) => tenantId),
      counts.map(({ scope }) => scope),
      counts.map(({ subject }) => Buffer.from(subject)),
      counts.map(({ count }) => count),
    ],
  );
}

/** An interaction or conversion that was refused, so that what refers to it is refused too. */
export interface RefusedEvent extends Subject {
  readonly cause: { readonly scope: string; readonly subject: Uint8Array } | undefined;
}

/** What refers to a refused event comes within this time, or is taken as it is. */
const refusedDays = 35;

/** Remembers refused events. */
export async function blockRefused(tx: Transaction, refused: readonly RefusedEvent[]): Promise<void> {
  if (refused.length === 0) return;
  await tx.query(
    `insert into privacy_subjects (partition, tenant_id, scope, subject, is_allowed, changed_at, expires_at,
                                   cause_scope, cause_subject)
     select r.partition, r.tenant_id, r.scope, r.subject, false, now(), now() + make_interval(days => ${refusedDays}),
            r.cause_scope, r.cause_subject
       from unnest($1::int[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::bytea[])
              as r (partition, tenant_id, scope, subject, cause_scope, cause_subject)
     on conflict (partition, tenant_id, scope, subject) do nothing`,
    [
      ...columnsOf(refused),
      refused.map(({ cause }) => cause?.scope ?? null),
      refused.map(({ cause }) => (cause === undefined ? null : Buffer.from(cause.subject))),
    ],
  );
}

const expiredAtOnce = 5_000;

/** Forgets refused events to which nothing refers any more. By index privacy_subjects_expired. */
export async function deleteExpiredSubjects(worker: Database): Promise<void> {
  for (;;) {
    const { rowCount } = await worker.query(
      `delete from privacy_subjects s
        using (select partition, tenant_id, scope, subject from privacy_subjects
                where expires_at < now() limit ${expiredAtOnce}) old
        where s.partition = old.partition and s.tenant_id = old.tenant_id and s.scope = old.scope
          and s.subject = old.subject`,
    );
    if (rowCount < expiredAtOnce) return;
  }
}
