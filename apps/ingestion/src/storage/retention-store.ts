import type { Tenant } from '@parley/access';
import type { Database, Transaction } from '@parley/database';

/** Classes of data that can be limited. */
export const dataClasses = ['content', 'quarantine', 'raw'] as const;
export type DataClass = (typeof dataClasses)[number];

/** Days from receipt, 30 or more; a class that is not there is kept without limit. */
export type Retention = ReadonlyMap<DataClass, number>;

export interface RetentionCount {
  readonly dataClass: DataClass;
  readonly rowCount: bigint;
  readonly receivedBefore: Date;
}

export interface RetentionRun {
  readonly runId: string;
  readonly startedAt: Date;
  readonly completedAt: Date | undefined;
  readonly counts: readonly RetentionCount[];
}

export interface RetentionRunPage {
  readonly after: { readonly startedAt: Date; readonly runId: string } | undefined;
  readonly limit: number;
}

/** How long a tenant keeps what, and what was removed. */
export interface RetentionStore {
  get(tenant: Tenant): Promise<Retention>;
  /** Puts other limits in place of all that there were. */
  set(tenant: Tenant, retention: Retention): Promise<void>;
  /** The latest first, from after one. */
  listRuns(tenant: Tenant, page: RetentionRunPage): Promise<readonly RetentionRun[]>;
}

/** @internal A row of retention_runs. */
export interface RetentionRunRow {
  readonly run_id: string;
  readonly started_at: Date;
  readonly completed_at: Date | null;
  readonly content_before: Date | null;
  readonly content_count: bigint;
  readonly quarantine_before: Date | null;
  readonly quarantine_count: bigint;
  readonly raw_before: Date | null;
  readonly raw_count: bigint;
}

export function createRetentionStore(app: Database): RetentionStore {
  return {
    get: ({ partition, tenantId }) =>
      app.withTenant(tenantId, (tx) => readRetention(tx, { partition, tenantId })),

    async set({ partition, tenantId }, retention) {
      await app.withTenant(tenantId, (tx) =>
        tx.query(
          `insert into retention_rules (partition, tenant_id, data_class, days)
           select $1, $2, r.* from unnest($3::text[], $4::int[]) as r
           on conflict (partition, tenant_id, data_class) do update set days = excluded.days`,
          [partition, tenantId, dataClasses, dataClasses.map((name) => retention.get(name) ?? null)],
        ),
      );
    },

    async listRuns({ partition, tenantId }, { after, limit }) {
      // By index retention_runs_by_time.
      const { rows } = await app.withTenant(tenantId, (tx) =>
        tx.query<RetentionRunRow>(
          `select run_id, started_at, completed_at, content_before, content_count, quarantine_before, quarantine_count,
                  raw_before, raw_count
             from retention_runs
            where partition = $1 and tenant_id = $2
              and ($3::timestamptz is null or (started_at, run_id) < ($3, $4::uuid))
            order by started_at desc, run_id desc
            limit $5`,
          [partition, tenantId, after?.startedAt, after?.runId, limit],
        ),
      );
      return rows.map((row) => ({
        runId: row.run_id,
        startedAt: row.started_at,
        completedAt: row.completed_at ?? undefined,
        counts: [
          ...countOf('content', row.content_count, row.content_before),
          ...countOf('quarantine', row.quarantine_count, row.quarantine_before),
          ...countOf('raw', row.raw_count, row.raw_before),
        ],
      }));
    },
  };
}

function countOf(dataClass: DataClass, rowCount: bigint, receivedBefore: Date | null): RetentionCount[] {
  return receivedBefore === null ? [] : [{ dataClass, rowCount, receivedBefore }];
}

/** The limits of a tenant, within the caller's transaction. */
export async function readRetention(
  tx: Transaction,
  { partition, tenantId }: { readonly partition: number; readonly tenantId: string },
): Promise<Retention> {
  const { rows } = await tx.query<{ data_class: DataClass; days: number }>(
    `select data_class, days from retention_rules
      where partition = $1 and tenant_id = $2 and days is not null order by data_class`,
    [partition, tenantId],
  );
  return new Map(rows.map(({ data_class, days }) => [data_class, days]));
}
