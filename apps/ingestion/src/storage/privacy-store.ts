import type { Database, Transaction } from '@parley/database';
import type { ContentMode } from '../event-content/content-mode.ts';
import { pseudonymOf } from '../privacy/subjects.ts';
import type { SubjectScope, TenantPlace } from './privacy.sql.ts';

/** What was said last by or for somebody. */
export interface ConsentRecord {
  readonly isAllowed: boolean;
  readonly changedAt: Date;
  /** Events refused because of it. */
  readonly refusedCount: bigint;
}

/** Who may be stored, and as what. */
export interface PrivacyStore {
  /** The key of the tenant's HMACs; made when it is asked for first. */
  subjectKey(place: TenantPlace): Promise<Uint8Array>;
  /** The same, without making one. */
  findSubjectKey(place: TenantPlace): Promise<Uint8Array | undefined>;
  contentMode(place: TenantPlace): Promise<ContentMode>;
  /** Holds for everything that is received once it has resolved. */
  setContentMode(place: TenantPlace, mode: ContentMode): Promise<void>;
  /** The ids under which a member is kept: by the mode of now the first, perhaps another one from before. */
  memberIds(place: TenantPlace, memberId: string): Promise<readonly [string, ...string[]]>;
  /** The erasure that blocks a member. */
  findErasure(
    place: TenantPlace,
    memberHash: Uint8Array,
  ): Promise<{ readonly receiptId: string; readonly isComplete: boolean } | undefined>;
  findConsent(
    place: TenantPlace,
    scope: SubjectScope,
    subject: Uint8Array,
  ): Promise<ConsentRecord | undefined>;
}

export interface PrivacyStoreDependencies {
  /** Answers tenants. */
  readonly app: Database;
  /** Sees the keys, which `app` must not. */
  readonly worker: Database;
  /** Holds the heads' locks. */
  readonly append: Database;
  /** Cryptographically random bytes. */
  readonly random: (size: number) => Uint8Array;
}

const keyBytes = 32;

export function createPrivacyStore({ app, worker, append, random }: PrivacyStoreDependencies): PrivacyStore {
  async function findSubjectKey({ partition, tenantId }: TenantPlace): Promise<Uint8Array | undefined> {
    const { rows } = await worker.query<{ subject_key: Buffer }>(
      'select subject_key from privacy_settings where partition = $1 and tenant_id = $2',
      [partition, tenantId],
    );
    return rows[0]?.subject_key;
  }

  async function subjectKey(place: TenantPlace): Promise<Uint8Array> {
    const known = await findSubjectKey(place);
    if (known !== undefined) return known;
    // It changes nothing of what may be stored, so the version stays.
    await append.query(
      `insert into privacy_settings (partition, tenant_id, subject_key) values ($1, $2, $3)
       on conflict (partition, tenant_id) do nothing`,
      [place.partition, place.tenantId, Buffer.from(random(keyBytes))],
    );
    const made = await findSubjectKey(place);
    if (made === undefined) throw new Error('A tenant has no key although one was made.');
    return made;
  }

  return {
    subjectKey,
    findSubjectKey,

    async contentMode({ partition, tenantId }) {
      const { rows } = await app.withTenant(tenantId, (tx) =>
        tx.query<{ content_mode: ContentMode }>(
          'select content_mode from privacy_settings where partition = $1 and tenant_id = $2',
          [partition, tenantId],
        ),
      );
      return rows[0]?.content_mode ?? 'full';
    },

    async setContentMode(place, mode) {
      await subjectKey(place);
      await changeRules(append, place.partition, (tx) =>
        tx.query(
          `update privacy_settings
              set content_mode = $3, has_pseudonyms = has_pseudonyms or $3 = 'pseudonymous'
            where partition = $1 and tenant_id = $2`,
          [place.partition, place.tenantId, mode],
        ),
      );
    },

    async memberIds({ partition, tenantId }, memberId) {
      const { rows } = await worker.query<{
        subject_key: Buffer;
        content_mode: ContentMode;
        has_pseudonyms: boolean;
      }>(
        `select subject_key, content_mode, has_pseudonyms from privacy_settings
          where partition = $1 and tenant_id = $2`,
        [partition, tenantId],
      );
      const [row] = rows;
      if (row === undefined || !row.has_pseudonyms) return [memberId];
      const pseudonym = pseudonymOf(row.subject_key, memberId);
      if (pseudonym === memberId) return [memberId];
      return row.content_mode === 'pseudonymous' ? [pseudonym, memberId] : [memberId, pseudonym];
    },

    async findErasure({ partition, tenantId }, memberHash) {
      const { rows } = await app.withTenant(tenantId, (tx) =>
        tx.query<{ receiptId: string; isComplete: boolean }>(
          `select receipt_id as "receiptId", completed_at is not null as "isComplete" from erasures
            where partition = $1 and tenant_id = $2 and member_hash = $3 and lifted_at is null`,
          [partition, tenantId, Buffer.from(memberHash)],
        ),
      );
      return rows[0];
    },

    findConsent: ({ partition, tenantId }, scope, subject) =>
      app.withTenant(tenantId, async (tx) => {
        const parameters = [partition, tenantId, scope, Buffer.from(subject)];
        const { rows } = await tx.query<{ is_allowed: boolean; changed_at: Date; refused_count: bigint }>(
          `select s.is_allowed, s.changed_at,
                  (select coalesce(sum(r.refused_count), 0)::bigint from consent_refusals r
                    where r.partition = $1 and r.tenant_id = $2 and r.scope = $3 and r.subject = $4) as refused_count
             from privacy_subjects s
            where s.partition = $1 and s.tenant_id = $2 and s.scope = $3 and s.subject = $4`,
          parameters,
        );
        const [row] = rows;
        return (
          row && { isAllowed: row.is_allowed, changedAt: row.changed_at, refusedCount: row.refused_count }
        );
      }),
  };
}

/**
 * Changes what may be stored, under the lock of the partition's head: everything that was appended before is at or below
 * `headOffset`, and everything after is judged by what `work` has written.
 * @param append as `ingestion_append`.
 */
export function changeRules<Value>(
  append: Database,
  partition: number,
  work: (tx: Transaction, headOffset: bigint) => Promise<Value>,
): Promise<Value> {
  return append.transaction(async (tx) => work(tx, await raiseVersion(tx, partition)));
}

/** The same within a transaction that is under way, and only what it takes to make the change known. */
export async function raiseVersion(tx: Transaction, partition: number): Promise<bigint> {
  // As an acknowledgement, it must not be lost whatever the server's default is.
  await tx.query(
    `select set_config('synchronous_commit', 'on', true)
      where current_setting('synchronous_commit') not in ('on', 'remote_apply')`,
  );
  const { rows } = await tx.query<{ head_offset: bigint }>(
    `update partition_heads set privacy_version = privacy_version + 1 where partition = $1 returning head_offset`,
    [partition],
  );
  if (rows[0] === undefined) throw new Error(`There is no partition ${partition}.`);
  return rows[0].head_offset;
}

/** Says whether somebody may be stored; within a transaction that raises the version. */
export async function writeConsent(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  consent: {
    readonly scope: SubjectScope;
    readonly subject: Uint8Array;
    readonly isAllowed: boolean;
    readonly at: Date;
  },
): Promise<void> {
  await tx.query(
    `insert into privacy_subjects (partition, tenant_id, scope, subject, is_allowed, changed_at)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (partition, tenant_id, scope, subject)
     do update set is_allowed = excluded.is_allowed, changed_at = excluded.changed_at`,
    [partition, tenantId, consent.scope, Buffer.from(consent.subject), consent.isAllowed, consent.at],
  );
}
