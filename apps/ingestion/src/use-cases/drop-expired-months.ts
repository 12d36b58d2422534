import type { Database } from '@parley/database';
import { nobody } from '@parley/event';
import type { ReachFailpoint } from '../event-log/failpoint.ts';
import { dropMonth, listMonths, passOverMonth } from '../event-log/months.ts';
import type { Month } from '../event-log/months.ts';
import { readSealState, sealRaw } from '../storage/raw-seals.sql.ts';

const dayMs = 24 * 3_600_000;
/** A repeat without a time is sought among the events of so many days, and a day more for clocks that disagree. */
const soughtDays = 36;

export interface MonthDependencies {
  /** Owns the months. */
  readonly owner: Database;
  /** Sees all tenants. */
  readonly worker: Database;
  /** Holds the heads' locks. */
  readonly append: Database;
  readonly now: () => Date;
  /** For tests that end the process. */
  readonly reach?: ReachFailpoint;
}

/**
 * Drops the months of the log in which nothing is left of any tenant, the oldest first, once every reader of the log has
 * passed them: until all have confirmed that, a month is left to the next time.
 * @returns their names.
 */
export async function dropExpiredMonths(dependencies: MonthDependencies): Promise<readonly string[]> {
  const { owner, worker, now, reach = () => undefined } = dependencies;
  const dropped: string[] = [];
  for (const month of await listMonths(owner)) {
    if (month.end.getTime() > now().getTime() - soughtDays * dayMs) break;
    const ends = await findEnds(worker, month);
    if (!(await isAllGone(worker, month, ends)) || !(await isPassed(dependencies, month, ends))) break;
    await passOverMonth(owner, ends);
    reach('retention:month-passed');
    await dropMonth(owner, month);
    reach('retention:month-dropped');
    dropped.push(month.name);
  }
  return dropped;
}

/** The last offset of each partition that has events in a month. */
async function findEnds(worker: Database, { start, end }: Month): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await worker.query<{ partition: number; last: bigint }>(
    `select h.partition, e.last
       from partition_heads h
      cross join lateral (
        select max(log_offset) as last from events e
         where e.partition = h.partition and e.log_offset > 0 and e.received_at >= $1 and e.received_at < $2) e
      where e.last is not null`,
    [start, end],
  );
  return new Map(rows.map(({ partition, last }) => [partition, last]));
}

/** Whether no tenant that may have events in a month has any with a body left. */
async function isAllGone(
  worker: Database,
  { end }: Month,
  ends: ReadonlyMap<number, bigint>,
): Promise<boolean> {
  const { rowCount } = await worker.query(
    `select from tenants t
       join unnest($1::int[], $2::bigint[]) as m (partition, last) using (partition)
       left join retention_rules r
         on r.partition = t.partition and r.tenant_id = t.tenant_id and r.data_class = 'raw'
      where t.created_at < $3 and coalesce(r.through_offset, 0) < m.last
      limit 1`,
    [[...ends.keys()], [...ends.values()], new Date(end.getTime() + dayMs)],
  );
  return rowCount === 0;
}

/** Whether every reader is past a month, in partitions without tenants too, where it holds only what is nobody's. */
async function isPassed(
  { worker, append, reach = () => undefined }: MonthDependencies,
  { end }: Month,
  ends: ReadonlyMap<number, bigint>,
): Promise<boolean> {
  let isConfirmed = true;
  for (const partition of ends.keys()) {
    const place = { partition, tenantId: nobody };
    const state = await readSealState(worker, place, end);
    if (state === 'not-sealed') {
      await sealRaw(append, place, end);
      reach('retention:month-sealed');
    }
    isConfirmed &&= state === 'confirmed';
  }
  return isConfirmed;
}
