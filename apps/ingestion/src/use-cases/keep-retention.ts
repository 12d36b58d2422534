import type { Database, Transaction } from '@parley/database';
import { readExpiredContent, removeContent } from '../storage/expired-content.sql.ts';
import type { TenantPlace } from '../storage/expired-content.sql.ts';
import { readRetention } from '../storage/retention-store.ts';
import type { DataClass, Retention, RetentionCount, RetentionRunRow } from '../storage/retention-store.ts';

const dayMs = 24 * 3_600_000;
/** Rows of quarantine deleted in one transaction. */
const quarantinedAtOnce = 500;
/** How long the audit of who read texts is kept; the same for every tenant. */
const auditDays = 400;
const auditedAtOnce = 5_000;

/** What was received before this is past a limit of so many days. */
function limitOf(days: number | undefined, at: Date): Date | undefined {
  return days === undefined ? undefined : new Date(at.getTime() - days * dayMs);
}

/**
 * Counts what a run that began at `at` would remove, in one snapshot. Goes through what the last run has not seen yet, a
 * bounded part at a time: of the partition's log, whose other tenants the app role could not pass over.
 */
export function previewRetention(
  worker: Database,
  place: TenantPlace,
  at: Date,
): Promise<readonly RetentionCount[]> {
  return worker.transaction(
    async (tx) => {
      const retention = await readRetention(tx, place);
      const counts: RetentionCount[] = [];
      const content = limitOf(retention.get('content'), at);
      if (content !== undefined) {
        let rowCount = 0n;
        let after = await readProgress(tx, place);
        for (;;) {
          const { through, expired } = await readExpiredContent(tx, place, after, content);
          if (through === undefined) break;
          rowCount += BigInt(expired.length);
          after = through;
        }
        counts.push({ dataClass: 'content', rowCount, receivedBefore: content });
      }
      const quarantine = limitOf(retention.get('quarantine'), at);
      if (quarantine !== undefined) {
        // By index quarantined_events_by_time.
        const { rows } = await tx.query<{ count: bigint }>(
          `select count(*) from quarantined_events where partition = $1 and tenant_id = $2 and received_at < $3`,
          [place.partition, place.tenantId, quarantine],
        );
        counts.push({ dataClass: 'quarantine', rowCount: rows[0]?.count ?? 0n, receivedBefore: quarantine });
      }
      return counts;
    },
    { isolation: 'repeatable read', readOnly: true },
  );
}

export interface RetentionDependencies {
  /** Sees all tenants. */
  readonly worker: Database;
  readonly now: () => Date;
  /** Makes a UUIDv7. */
  readonly newId: () => string;
  readonly signal: AbortSignal;
}

/**
 * Removes what is past its retention, of every tenant, in short transactions that each move what is done with what it
 * did: killed anywhere, the next run goes on from there. Of processes that run at once, one works on a tenant at a time.
 */
export async function keepRetention(dependencies: RetentionDependencies): Promise<void> {
  const { worker, now, signal } = dependencies;
  const { rows } = await worker.query<{ partition: number; tenant_id: string }>(
    `select partition, tenant_id from retention_rules where days is not null
     union select partition, tenant_id from retention_runs where completed_at is null
     order by partition, tenant_id`,
  );
  for (const row of rows) {
    await keepTenant(dependencies, { partition: row.partition, tenantId: row.tenant_id });
  }
  const auditBefore = limitOf(auditDays, now());
  for (;;) {
    signal.throwIfAborted();
    const { rowCount } = await worker.query(
      `delete from text_reads t
        using (select partition, tenant_id, read_id from text_reads where read_at < $1 limit $2) old
        where t.partition = old.partition and t.tenant_id = old.tenant_id and t.read_id = old.read_id`,
      [auditBefore, auditedAtOnce],
    );
    if (rowCount < auditedAtOnce) return;
  }
}

async function keepTenant(dependencies: RetentionDependencies, place: TenantPlace): Promise<void> {
  const { worker, signal } = dependencies;
  const { partition, tenantId } = place;
  for (;;) {
    signal.throwIfAborted();
    const isOver = await worker.transaction(async (tx) => {
      // Held until the commit; who finds it held leaves the tenant to the other.
      const { rows: locked } = await tx.query(
        `select from retention_rules where partition = $1 and tenant_id = $2 for update skip locked`,
        [partition, tenantId],
      );
      if (locked.length === 0) return true;
      const run = await openRun(tx, dependencies, place);
      if (run.content_before !== null) {
        const after = await readProgress(tx, place);
        const { through, expired } = await readExpiredContent(tx, place, after, run.content_before);
        if (through !== undefined) {
          await removeContent(tx, place, expired);
          await tx.query(
            `update retention_rules set through_offset = $3
              where partition = $1 and tenant_id = $2 and data_class = 'content'`,
            [partition, tenantId, through],
          );
          await addCount(tx, place, run.run_id, 'content', expired.length);
          return false;
        }
      }
      if (run.quarantine_before !== null) {
        const { rowCount } = await tx.query(
          `delete from quarantined_events q
            using (select quarantine_id from quarantined_events
                    where partition = $1 and tenant_id = $2 and received_at < $3 limit $4) old
            where q.partition = $1 and q.tenant_id = $2 and q.quarantine_id = old.quarantine_id`,
          [partition, tenantId, run.quarantine_before, quarantinedAtOnce],
        );
        await addCount(tx, place, run.run_id, 'quarantine', rowCount);
        if (rowCount === quarantinedAtOnce) return false;
      }
      await closeRun(tx, dependencies, place, run.run_id);
      return true;
    });
    if (isOver) return;
  }
}

/** The run that is under way, or a new one by the limits as they are. */
async function openRun(
  tx: Transaction,
  { now, newId }: RetentionDependencies,
  place: TenantPlace,
): Promise<RetentionRunRow> {
  const { partition, tenantId } = place;
  const { rows: open } = await tx.query<RetentionRunRow>(
    `select * from retention_runs where partition = $1 and tenant_id = $2 and completed_at is null`,
    [partition, tenantId],
  );
  if (open[0] !== undefined) return open[0];
  const at = now();
  const retention: Retention = await readRetention(tx, place);
  const { rows } = await tx.query<RetentionRunRow>(
    `insert into retention_runs (partition, tenant_id, run_id, started_at, content_before, quarantine_before)
     values ($1, $2, $3, $4, $5, $6) returning *`,
    [
      partition,
      tenantId,
      newId(),
      at,
      limitOf(retention.get('content'), at),
      limitOf(retention.get('quarantine'), at),
    ],
  );
  const [run] = rows;
  if (run === undefined) throw new Error('A retention run was begun without a row.');
  return run;
}

/** Ends it; one that found nothing leaves no trace, since there is one every hour. */
async function closeRun(
  tx: Transaction,
  { now }: RetentionDependencies,
  { partition, tenantId }: TenantPlace,
  runId: string,
): Promise<void> {
  const parameters = [partition, tenantId, runId];
  const { rowCount } = await tx.query(
    `delete from retention_runs
      where partition = $1 and tenant_id = $2 and run_id = $3 and content_count = 0 and quarantine_count = 0`,
    parameters,
  );
  if (rowCount > 0) return;
  await tx.query(
    `update retention_runs set completed_at = $4 where partition = $1 and tenant_id = $2 and run_id = $3`,
    [...parameters, now()],
  );
}

async function addCount(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  runId: string,
  dataClass: DataClass,
  count: number,
): Promise<void> {
  if (count === 0) return;
  await tx.query(
    `update retention_runs set ${dataClass}_count = ${dataClass}_count + $4
      where partition = $1 and tenant_id = $2 and run_id = $3`,
    [partition, tenantId, runId, count],
  );
}

/** How far the log is free of the tenant's expired texts. */
async function readProgress(tx: Transaction, { partition, tenantId }: TenantPlace): Promise<bigint> {
  const { rows } = await tx.query<{ through_offset: bigint }>(
    `select through_offset from retention_rules
      where partition = $1 and tenant_id = $2 and data_class = 'content'`,
    [partition, tenantId],
  );
  return rows[0]?.through_offset ?? 0n;
}
