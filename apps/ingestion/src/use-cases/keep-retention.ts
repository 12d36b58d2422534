import type { Database, Transaction } from '@parley/database';
import { sleep } from '@parley/runtime';
import type { ReachFailpoint } from '../event-log/failpoint.ts';
import { removeOldCounts } from '../storage/collection-counts.ts';
import { readExpiredContent, removeContent } from '../storage/expired-content.sql.ts';
import type { TenantPlace } from '../storage/expired-content.sql.ts';
import { readExpiredRaw, removeRaw } from '../storage/expired-raw.sql.ts';
import { readSealState, receivedBeforeOf, sealRaw, startOfDay } from '../storage/raw-seals.sql.ts';
import { lockRemoval, readProgress, saveProgress } from '../storage/retention-progress.sql.ts';
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

/** The same of raw events, which expire by whole UTC days: see `RawSeal`. */
function rawLimitOf(days: number | undefined, at: Date): Date | undefined {
  const limit = limitOf(days, at);
  return limit === undefined ? undefined : receivedBeforeOf(startOfDay(limit));
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
        const rowCount = await countExpired(await readProgress(tx, place, 'content'), (after) =>
          readExpiredContent(tx, place, after, content),
        );
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
      const raw = rawLimitOf(retention.get('raw'), at);
      if (raw !== undefined) {
        const rowCount = await countExpired(await readProgress(tx, place, 'raw'), (after) =>
          readExpiredRaw(tx, place, after, raw),
        );
        counts.push({ dataClass: 'raw', rowCount, receivedBefore: raw });
      }
      return counts;
    },
    { isolation: 'repeatable read', readOnly: true },
  );
}

/** Counts what each part of the log holds, from after an offset to where nothing is old enough. */
async function countExpired(
  from: bigint,
  read: (
    after: bigint,
  ) => Promise<{ readonly through: bigint | undefined; readonly expired: readonly unknown[] }>,
): Promise<bigint> {
  let rowCount = 0n;
  for (let after = from; ;) {
    const { through, expired } = await read(after);
    if (through === undefined) return rowCount;
    rowCount += BigInt(expired.length);
    after = through;
  }
}

export interface RetentionDependencies {
  /** Sees all tenants. */
  readonly worker: Database;
  /** Holds the heads' locks. */
  readonly append: Database;
  readonly now: () => Date;
  /** Makes a UUIDv7. */
  readonly newId: () => string;
  readonly signal: AbortSignal;
  /**
   * How long to wait until every reader of the log has passed what is to expire; 60 s unless told. What is not confirmed by
   * then is left to the next time.
   */
  readonly patienceMs?: number;
  /** For tests that end the process. */
  readonly reach?: ReachFailpoint;
}

const lookMs = 500;

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
  let places = rows.map(({ partition, tenant_id: tenantId }): TenantPlace => ({ partition, tenantId }));
  const until = now().getTime() + (dependencies.patienceMs ?? 60_000);
  for (;;) {
    const waiting: TenantPlace[] = [];
    for (const place of places) {
      if ((await keepTenant(dependencies, place)) === 'waiting') waiting.push(place);
    }
    if (waiting.length === 0 || now().getTime() >= until) break;
    places = waiting;
    await sleep(lookMs, signal);
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
    if (rowCount < auditedAtOnce) break;
  }
  await removeOldCounts(worker, now(), signal);
}

/** Carries out one run. `waiting`: raw events are still to go, once all readers of the log have passed them. */
async function keepTenant(
  dependencies: RetentionDependencies,
  place: TenantPlace,
): Promise<'over' | 'waiting'> {
  const { worker, append, signal, reach = () => undefined } = dependencies;
  const { partition, tenantId } = place;
  for (;;) {
    signal.throwIfAborted();
    const step = await worker.transaction(async (tx): Promise<Step> => {
      // Held until the commit; who finds it held leaves the tenant to the other.
      const { rows: locked } = await tx.query(
        `select from retention_rules where partition = $1 and tenant_id = $2 for update skip locked`,
        [partition, tenantId],
      );
      if (locked.length === 0) return 'over';
      const run = await openRun(tx, dependencies, place);
      if (run.content_before !== null) {
        await lockRemoval(tx, partition);
        const after = await readProgress(tx, place, 'content');
        const { through, expired } = await readExpiredContent(tx, place, after, run.content_before);
        if (through !== undefined) {
          await removeContent(tx, place, expired);
          await saveProgress(tx, place, 'content', through);
          await addCount(tx, place, run.run_id, 'content', expired.length);
          return 'again';
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
        if (rowCount === quarantinedAtOnce) return 'again';
      }
      if (run.raw_before !== null) {
        const after = await readProgress(tx, place, 'raw');
        const { through, expired } = await readExpiredRaw(tx, place, after, run.raw_before);
        if (through !== undefined) {
          const state = await readSealState(tx, place, run.raw_before);
          if (state === 'not-sealed') return { toSeal: run.raw_before };
          if (state === 'sealed') return 'waiting';
          await lockRemoval(tx, partition);
          await removeRaw(tx, place, expired);
          await saveProgress(tx, place, 'raw', through);
          await addCount(tx, place, run.run_id, 'raw', expired.length);
          reach('retention:removing');
          return 'again';
        }
      }
      await closeRun(tx, dependencies, place, run.run_id);
      return 'over';
    });
    switch (step) {
      case 'waiting':
        return step;
      case 'over':
        reach('retention:closed');
        return step;
      case 'again':
        reach('retention:removed');
        break;
      default:
        reach('retention:opened');
        await sealRaw(append, place, step.toSeal);
        reach('retention:sealed');
    }
  }
}

/** What became of one step: it is to be done again, there is nothing more, or what it takes is still missing. */
type Step = 'again' | 'over' | 'waiting' | { readonly toSeal: Date };

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
    `insert into retention_runs (partition, tenant_id, run_id, started_at, content_before, quarantine_before, raw_before)
     values ($1, $2, $3, $4, $5, $6, $7) returning *`,
    [
      partition,
      tenantId,
      newId(),
      at,
      limitOf(retention.get('content'), at),
      limitOf(retention.get('quarantine'), at),
      rawLimitOf(retention.get('raw'), at),
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
      where partition = $1 and tenant_id = $2 and run_id = $3 and content_count = 0 and quarantine_count = 0
        and raw_count = 0`,
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
