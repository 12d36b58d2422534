import type { Database } from '@parley/database';

/** How many months beyond the current one are kept ready. */
const MONTHS_AHEAD = 2;

/**
 * Makes the log's tables for the month of `now` and the two after it. Through the owner's connection; at every migration
 * and daily. May be repeated and run by many processes at once; does not touch what exists.
 *
 * Throws `aborted` (DATABASE_LOCK_TIMEOUT) when others hold the tables for 2 s; the default partition takes the events
 * until the next try.
 */
export async function ensureMonths(owner: Database, now: Date): Promise<void> {
  for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead += 1) {
    const start = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1));
    const end = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead + 1, 1));
    await ensureMonth(owner, start, end);
  }
}

async function ensureMonth(owner: Database, start: Date, end: Date): Promise<void> {
  const name = `events_${start.toISOString().slice(0, 7).replace('-', '_')}`;
  const bounds = [start.toISOString(), end.toISOString()] as const;
  if (await exists(owner, name)) return;
  await owner.transaction(async (tx) => {
    await tx.query(`set local lock_timeout = '2s'`);
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('parley months of the event log', 0))`);
    if (await exists(tx, name)) return;
    // Attached rather than made as a partition, which would lock out all who read or write the log meanwhile.
    await tx.query(`create table ${name} (like events including defaults including constraints)`);
    // Samples of bodies would stand in the planner's statistics, from where no erasure reaches them.
    await tx.query(`alter table ${name} alter column body set statistics 0`);
    // Of each month, since the parent's unique indexes would have to contain received_at. Every row fulfils the
    // condition of the first: it keeps the planner from seeking keys by this index, which it takes for as good as the
    // other one while it has no statistics. Whoever reads by offset repeats the condition.
    await tx.query(
      `create unique index ${name}_offset on ${name} (partition, log_offset) where log_offset > 0`,
    );
    await tx.query(`create unique index ${name}_key on ${name} (partition, tenant_id, kind, event_key)`);
    await tx.query(`revoke all on ${name} from ingestion_app, ingestion_worker`);
    await tx.query(`lock table events_default in access exclusive mode`);
    await tx.query(
      `with moved as (delete from events_default where received_at >= $1 and received_at < $2 returning *)
       insert into ${name} select * from moved`,
      bounds,
    );
    await tx.query(
      `alter table events attach partition ${name} for values from ('${bounds[0]}') to ('${bounds[1]}')`,
    );
  });
}

/** A month of the log: from its start up to, not including, its end. */
export interface Month {
  /** Of its table. */
  readonly name: string;
  readonly start: Date;
  readonly end: Date;
}

/** The months that the log has tables for, the oldest first. */
export async function listMonths(owner: Database): Promise<readonly Month[]> {
  const { rows } = await owner.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'events'::regclass and c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'
      order by c.relname`,
  );
  return rows.map(({ name }) => {
    const [, year, month] = name.split('_').map(Number);
    if (year === undefined || month === undefined) throw new Error(`${name} is no month.`);
    return { name, start: new Date(Date.UTC(year, month - 1)), end: new Date(Date.UTC(year, month)) };
  });
}

/**
 * Has readers pass over a month, by the marks of low water, before it is dropped.
 * @param ends the last offset of each partition in the month.
 */
export async function passOverMonth(owner: Database, ends: ReadonlyMap<number, bigint>): Promise<void> {
  await owner.query(
    `update partition_heads h set low_water_offset = greatest(h.low_water_offset, m.last)
       from (select * from unnest($1::int[], $2::bigint[]) as m (partition, last) order by partition) m
      where h.partition = m.partition`,
    [[...ends.keys()], [...ends.values()]],
  );
}

/**
 * Drops a month with all that is in it, once readers pass over it.
 *
 * Throws `aborted` (DATABASE_LOCK_TIMEOUT) when others hold the tables for 2 s; it may be tried again.
 */
export async function dropMonth(owner: Database, { name }: Month): Promise<void> {
  await owner.transaction(async (tx) => {
    await tx.query(`set local lock_timeout = '2s'`);
    await tx.query(`drop table ${name}`);
  });
}

async function exists(database: Pick<Database, 'query'>, table: string): Promise<boolean> {
  // Not by to_regclass: after the wait for the lock it may still answer from before.
  const { rowCount } = await database.query(
    `select from pg_class where relname = $1 and relnamespace = 'ingestion'::regnamespace`,
    [table],
  );
  return rowCount > 0;
}
