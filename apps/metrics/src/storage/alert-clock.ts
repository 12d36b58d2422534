import type { Transaction } from '@parley/database';

/** A partition of which a minute can be judged. */
export interface DuePartition {
  readonly partition: number;
  readonly generation: number;
  readonly position: bigint;
  /** When the last event that is counted was received. */
  readonly completeTo: Date;
  readonly isStopped: boolean;
}

/** How far a partition is judged. */
export interface AlertClock {
  /** The last minute; null before the first. */
  readonly judgedAt: Date | null;
  /** Of that minute everybody up to this tenant is judged; null: everybody. */
  readonly judgedThrough: string | null;
}

type Queryable = Pick<Transaction, 'query'>;

/** Times of holding are the database's. */
const holdSeconds = 30;

/** By the primary keys of the projection's tables and of alert_clocks. */
const dueSql = {
  name: 'list-partitions-to-judge',
  text: `
    select c.partition, c.generation, c.position, c.complete_to as "completeTo",
           c.stopped_because is not null as "isStopped"
      from projection_generations g
      join projection_checkpoints c using (projection, generation)
      left join alert_clocks a on a.partition = c.partition
     where g.projection = $1 and g.state = 'active' and c.complete_to is not null
       and (a.judged_at is null or a.judged_through is not null or a.judged_at < date_trunc('minute', c.complete_to))
       and (a.held_until is null or a.held_until < clock_timestamp() or a.holder = $2)
     order by c.partition`,
};

/** Partitions whose last whole minute is not judged, or not of everybody, and on which nobody else works. */
export async function listDuePartitions(
  db: Queryable,
  projection: string,
  holder: string,
): Promise<readonly DuePartition[]> {
  const { rows } = await db.query<DuePartition>(dueSql, [projection, holder]);
  return rows;
}

/** Takes the right to judge a partition, for half a minute; undefined when somebody else has it. */
export async function takeAlertClock(
  db: Queryable,
  partition: number,
  holder: string,
): Promise<AlertClock | undefined> {
  const { rows } = await db.query<AlertClock>(
    `insert into alert_clocks as a (partition, holder, held_until)
     values ($1, $2, clock_timestamp() + make_interval(secs => $3))
     on conflict (partition) do update set holder = excluded.holder, held_until = excluded.held_until
      where a.holder = $2 or a.held_until is null or a.held_until < clock_timestamp()
     returning a.judged_at as "judgedAt", a.judged_through as "judgedThrough"`,
    [partition, holder, holdSeconds],
  );
  return rows[0];
}

/**
 * Moves a clock that is still the holder's, and holds its row until the transaction ends. The number of the first of so
 * many changes; undefined when somebody else has taken it over.
 */
export async function moveAlertClock(
  tx: Queryable,
  { partition, holder }: { readonly partition: number; readonly holder: string },
  { judgedAt, judgedThrough }: { readonly judgedAt: Date; readonly judgedThrough: string | null },
): Promise<bigint | undefined> {
  const { rows } = await tx.query<{ number: bigint }>(
    `update alert_clocks a
        set judged_at = $3, judged_through = $4, held_until = clock_timestamp() + make_interval(secs => $5)
      where a.partition = $1 and a.holder = $2
     returning a.change_number + 1 as number`,
    [partition, holder, judgedAt, judgedThrough, holdSeconds],
  );
  return rows[0]?.number;
}

/** Counts changes; the transaction has moved the clock. */
export async function countAlertChanges(tx: Queryable, partition: number, count: number): Promise<void> {
  await tx.query('update alert_clocks a set change_number = a.change_number + $2 where a.partition = $1', [
    partition,
    count,
  ]);
}

/** Lets others go on at once. */
export async function releaseAlertClocks(db: Queryable, holder: string): Promise<void> {
  await db.query('update alert_clocks a set held_until = null where a.holder = $1', [holder]);
}

/** A tenant that has events. */
export interface KnownTenant {
  readonly tenantId: string;
  /** Whether it had interactions lately, or has an alert open. */
  readonly isJudged: boolean;
}

/**
 * Parameters: partition, the tenant after which to begin, generation, start of a UTC day, how many. Leans on the primary
 * key of kpi_rollups, in which it goes from tenant to tenant, and on alerts_open.
 */
export const knownTenantsSql = {
  name: 'list-tenants-to-judge',
  text: `
    with recursive tenant as (
      select (select r.tenant_id from kpi_rollups r where r.partition = $1 and r.tenant_id > $2
               order by r.tenant_id limit 1) as tenant_id
      union all
      select (select r.tenant_id from kpi_rollups r where r.partition = $1 and r.tenant_id > t.tenant_id
               order by r.tenant_id limit 1)
        from tenant t where t.tenant_id is not null
    )
    select t.tenant_id as "tenantId",
           exists (select from kpi_rollups r
                    where r.partition = $1 and r.tenant_id = t.tenant_id and r.generation = $3 and r.cube = 0
                      and r.level = 2 and r.bucket_start >= $4)
           or exists (select from alerts a
                       where a.partition = $1 and a.tenant_id = t.tenant_id and a.ended_at is null) as "isJudged"
      from tenant t where t.tenant_id is not null
     limit $5`,
};

/** The tenants of a partition in their order, after one, so many. @param since the start of a UTC day. */
export async function listKnownTenants(
  db: Queryable,
  { partition, generation, after }: { partition: number; generation: number; after: string | null },
  { since, limit }: { readonly since: Date; readonly limit: number },
): Promise<readonly KnownTenant[]> {
  const nobody = '00000000-0000-0000-0000-000000000000';
  const { rows } = await db.query<KnownTenant>(knownTenantsSql, [
    partition,
    after ?? nobody,
    generation,
    since,
    limit,
  ]);
  return rows;
}
