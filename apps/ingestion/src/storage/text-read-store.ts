import type { Tenant } from '@parley/access';
import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';

/** What was asked for, by the names of the request; ids and times, never texts. */
export type ReadRequestFacts = Readonly<Record<string, string | undefined>>;

/** An answer that is about to give texts away. */
export interface NewTextRead {
  /** A UUID. Noted again under it, counts are added: an answer may come in parts. */
  readonly readId: string;
  readonly tenant: Tenant;
  readonly readAt: Date;
  /** `operator` for the operator. */
  readonly keyId: string;
  readonly method: string;
  /** How many interactions, comments or quarantined events with text it holds. */
  readonly rowCount: number;
  readonly request: ReadRequestFacts;
}

export interface TextRead {
  readonly readId: string;
  readonly readAt: Date;
  readonly keyId: string;
  readonly method: string;
  readonly rowCount: bigint;
  /** JSON. */
  readonly request: string;
}

export interface TextReadPage {
  readonly after: { readonly readAt: Date; readonly readId: string } | undefined;
  readonly limit: number;
}

/** The audit of who read texts. */
export interface TextReadStore {
  /**
   * Resolves once it is committed; only then may the answer go out. What comes while one batch is written goes into the
   * next, so that many readers share a commit.
   *
   * Throws `unavailable` when the database fails, or `resource-exhausted` (AUDIT_QUEUE_FULL) when too many wait.
   */
  note(read: NewTextRead): Promise<void>;
  /** The latest first, from after one. */
  list(tenant: Tenant, page: TextReadPage): Promise<readonly TextRead[]>;
}

/** Parts of answers that may wait for their commit; each is a call that holds more memory than this. */
const maxWaiting = 10_000;
const maxBatch = 500;

interface Waiting {
  readonly read: NewTextRead;
  readonly settle: (error?: unknown) => void;
}

export function createTextReadStore({
  app,
  worker,
}: {
  readonly app: Database;
  /** Writes for all tenants at once. */
  readonly worker: Database;
}): TextReadStore {
  const waiting: Waiting[] = [];
  let isWriting = false;

  async function writeAll(): Promise<void> {
    isWriting = true;
    try {
      while (waiting.length > 0) {
        const batch = waiting.splice(0, maxBatch);
        try {
          await write(
            worker,
            batch.map(({ read }) => read),
          );
          for (const { settle } of batch) settle();
        } catch (error) {
          for (const { settle } of batch) settle(error);
        }
      }
    } finally {
      isWriting = false;
    }
  }

  return {
    note: (read) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= maxWaiting) {
          reject(
            new DomainError('Too many reads of texts wait to be written into the audit.', {
              kind: 'resource-exhausted',
              reason: 'AUDIT_QUEUE_FULL',
              retryAfterMs: 1_000,
            }),
          );
          return;
        }
        waiting.push({ read, settle: (error) => (error === undefined ? resolve() : reject(error as Error)) });
        if (!isWriting) void writeAll();
      }),

    async list({ partition, tenantId }, { after, limit }) {
      // By index text_reads_by_time.
      const { rows } = await app.withTenant(tenantId, (tx) =>
        tx.query<TextReadRow>(
          `select read_id, read_at, key_id, method, row_count, request::text as request
             from text_reads
            where partition = $1 and tenant_id = $2
              and ($3::timestamptz is null or (read_at, read_id) < ($3, $4::uuid))
            order by read_at desc, read_id desc
            limit $5`,
          [partition, tenantId, after?.readAt, after?.readId, limit],
        ),
      );
      return rows.map((row) => ({
        readId: row.read_id,
        readAt: row.read_at,
        keyId: row.key_id,
        method: row.method,
        rowCount: row.row_count,
        request: row.request,
      }));
    },
  };
}

async function write(worker: Database, reads: readonly NewTextRead[]): Promise<void> {
  await worker.query(
    {
      name: 'audit-text-reads',
      text: `insert into text_reads as t (partition, tenant_id, read_id, read_at, key_id, method, row_count, request)
             select r.partition, r.tenant_id, r.read_id, r.read_at, r.key_id, r.method, r.row_count, r.request
               from jsonb_to_recordset($1) as r (partition int, tenant_id uuid, read_id uuid, read_at timestamptz,
                                                 key_id text, method text, row_count bigint, request jsonb)
              order by r.partition, r.tenant_id, r.read_id
             on conflict (partition, tenant_id, read_id) do update set row_count = t.row_count + excluded.row_count`,
    },
    [
      JSON.stringify(
        reads.map(({ tenant, readId, readAt, keyId, method, rowCount, request }) => ({
          partition: tenant.partition,
          tenant_id: tenant.tenantId,
          read_id: readId,
          read_at: readAt,
          key_id: keyId,
          method,
          row_count: rowCount,
          request,
        })),
      ),
    ],
  );
}

interface TextReadRow {
  readonly read_id: string;
  readonly read_at: Date;
  readonly key_id: string;
  readonly method: string;
  readonly row_count: bigint;
  readonly request: string;
}
