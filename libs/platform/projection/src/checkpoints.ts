import type { Database, Result, Transaction } from '@parley/database';

/** What has a checkpoint: one partition of one generation of a projection. */
export interface CheckpointKey {
  readonly projection: string;
  readonly generation: number;
  readonly partition: number;
}

/** The right to move a checkpoint. Each holder has a token of its own, one more than the last. */
export interface Lease extends CheckpointKey {
  readonly token: bigint;
}

export interface Checkpoint extends CheckpointKey {
  /** Offset of the last event that was taken; 0 before the first. */
  readonly position: bigint;
  /** When that event was received; null before the first. */
  readonly completeTo: Date | null;
  readonly token: bigint;
  /** Whether the lease can be taken. */
  readonly isFree: boolean;
  /** Why nothing is taken any more until a rebuild; null: all is well. */
  readonly stoppedBecause: string | null;
}

/** The checkpoint was moved, leased or removed by others: whatever was to go with it must be rolled back. */
export class LeaseLost extends Error {
  constructor({ projection, generation, partition }: CheckpointKey) {
    super(`The lease of ${projection}, generation ${generation}, partition ${partition} is lost.`);
    this.name = 'LeaseLost';
  }
}

type Queryable = Pick<Database, 'query'> | Pick<Transaction, 'query'>;

// Leases are timed by the database's clock alone, so the processes' clocks need not agree.
const columns = `projection, generation, partition, position, complete_to as "completeTo", lease_token as token,
  stopped_because as "stoppedBecause",
  lease_holder is null or lease_expires_at < clock_timestamp() as "isFree"`;

export async function listCheckpoints(
  db: Queryable,
  projections: readonly string[],
): Promise<readonly Checkpoint[]> {
  const { rows } = await db.query<Checkpoint>(
    `select ${columns} from projection_checkpoints where projection = any($1)
      order by projection, generation, partition`,
    [projections],
  );
  return rows;
}

/** Makes the checkpoints that are not there yet, at the log's start. */
export async function addCheckpoints(db: Queryable, keys: readonly CheckpointKey[]): Promise<void> {
  await db.query(
    `insert into projection_checkpoints (projection, generation, partition)
     select key.projection, key.generation, key.partition
       from unnest($1::text[], $2::int[], $3::int[]) as key (projection, generation, partition)
       join projection_generations g using (projection, generation)
      where g.state <> 'retired'
     on conflict do nothing`,
    keyColumns(keys),
  );
}

/** Takes those of the leases that are free or have expired. Never waits for anybody. */
export async function takeLeases(
  db: Queryable,
  keys: readonly CheckpointKey[],
  { holder, leaseMs }: { holder: string; leaseMs: number },
): Promise<readonly Checkpoint[]> {
  const { rows } = await db.query<Checkpoint>(
    `with free as (
       select projection, generation, partition from projection_checkpoints
        where (projection, generation, partition) in (select * from unnest($1::text[], $2::int[], $3::int[]))
          and (lease_holder is null or lease_expires_at < clock_timestamp())
          for update skip locked)
     update projection_checkpoints c
        set lease_holder = $4, lease_token = lease_token + 1,
            lease_expires_at = clock_timestamp() + make_interval(secs => $5::float8 / 1000)
       from free
      where (c.projection, c.generation, c.partition) = (free.projection, free.generation, free.partition)
     returning c.projection, c.generation, c.partition, c.position, c.complete_to as "completeTo",
               c.lease_token as token, c.stopped_because as "stoppedBecause", false as "isFree"`,
    [...keyColumns(keys), holder, leaseMs],
  );
  return rows;
}

/** Makes leases last from now on. Those in the middle of a fold are passed over: the fold does it itself. */
export async function renewLeases(db: Queryable, leases: readonly Lease[], leaseMs: number): Promise<void> {
  await changeLeases(
    db,
    leases,
    `lease_expires_at = clock_timestamp() + make_interval(secs => $5::float8 / 1000)`,
    [leaseMs],
  );
}

/** Gives leases back, so that others need not wait for their end. */
export async function releaseLeases(db: Queryable, leases: readonly Lease[]): Promise<void> {
  await changeLeases(db, leases, 'lease_holder = null, lease_expires_at = null', []);
}

async function changeLeases(
  db: Queryable,
  leases: readonly Lease[],
  change: string,
  parameters: readonly unknown[],
): Promise<void> {
  await db.query(
    `with mine as (
       select projection, generation, partition from projection_checkpoints
        where (projection, generation, partition, lease_token)
              in (select * from unnest($1::text[], $2::int[], $3::int[], $4::bigint[]))
          for update skip locked)
     update projection_checkpoints c set ${change} from mine
      where (c.projection, c.generation, c.partition) = (mine.projection, mine.generation, mine.partition)`,
    [...keyColumns(leases), leases.map(({ token }) => token), ...parameters],
  );
}

/**
 * Moves a checkpoint, which also makes its lease last from now on. The first statement of a fold's transaction, so
 * that whoever lost the lease is refused before it has written or locked anything else.
 * @throws LeaseLost when it is not where the caller believes it to be, or no longer the caller's.
 */
export async function moveCheckpoint(
  tx: Transaction,
  lease: Lease,
  { from, to, completeTo, leaseMs }: { from: bigint; to: bigint; completeTo: Date; leaseMs: number },
): Promise<void> {
  const { rowCount } = await tx.query(
    {
      name: 'move projection checkpoint',
      text: `update projection_checkpoints
                set position = $6, complete_to = $7,
                    lease_expires_at = clock_timestamp() + make_interval(secs => $8::float8 / 1000)
              where partition = $1 and projection = $2 and generation = $3 and lease_token = $4 and position = $5`,
    },
    [lease.partition, lease.projection, lease.generation, lease.token, from, to, completeTo, leaseMs],
  );
  if (rowCount === 0) throw new LeaseLost(lease);
}

/** Where a checkpoint is; undefined when its lease is held no more. */
export async function findPosition(db: Queryable, lease: Lease): Promise<bigint | undefined> {
  const { rows } = await db.query<{ position: bigint }>(
    `select position from projection_checkpoints
      where partition = $1 and projection = $2 and generation = $3 and lease_token = $4`,
    [lease.partition, lease.projection, lease.generation, lease.token],
  );
  return rows[0]?.position;
}

/** Where a checkpoint is, whoever moves it. @throws LeaseLost when it is gone. */
export async function getPosition(db: Queryable, key: CheckpointKey): Promise<bigint> {
  return positionIn(key, await db.query<{ position: bigint }>(selectPosition, positionKey(key)));
}

/**
 * Whether every generation of which there may be rows, of all these projections, is past an offset: those that answer, are
 * built or are compared have taken the event there, and the rows of the retired are deleted.
 */
export async function arePast(
  db: Queryable,
  projections: readonly string[],
  partition: number,
  offset: bigint,
): Promise<boolean> {
  const { rows } = await db.query<{ isPast: boolean }>(
    `select coalesce(bool_and(g.generation is not null and coalesce(c.position >= $3, false)), true) as "isPast"
       from unnest($1::text[]) as p (projection)
       left join projection_generations g on g.projection = p.projection and g.emptied_at is null
       left join projection_checkpoints c
         on c.projection = g.projection and c.generation = g.generation and c.partition = $2`,
    [projections, partition, offset],
  );
  return rows[0]?.isPast ?? false;
}

/** Holds a checkpoint where it is until the transaction ends, and says where. @throws LeaseLost when it is gone. */
export async function lockCheckpoint(tx: Transaction, key: CheckpointKey): Promise<bigint> {
  const locking = `${selectPosition} for no key update`;
  return positionIn(key, await tx.query<{ position: bigint }>(locking, positionKey(key)));
}

const selectPosition = `select position from projection_checkpoints
  where partition = $1 and projection = $2 and generation = $3`;

function positionKey({ partition, projection, generation }: CheckpointKey): readonly unknown[] {
  return [partition, projection, generation];
}

function positionIn(key: CheckpointKey, { rows }: Result<{ position: bigint }>): bigint {
  if (rows[0] === undefined) throw new LeaseLost(key);
  return rows[0].position;
}

/** Stops a partition for good; only a rebuild helps. */
export async function stopCheckpoint(db: Queryable, lease: Lease, because: string): Promise<void> {
  await db.query(
    `update projection_checkpoints set stopped_because = $5, lease_holder = null, lease_expires_at = null
      where partition = $1 and projection = $2 and generation = $3 and lease_token = $4`,
    [lease.partition, lease.projection, lease.generation, lease.token, because],
  );
}

function keyColumns(
  keys: readonly CheckpointKey[],
): [readonly string[], readonly number[], readonly number[]] {
  return [
    keys.map(({ projection }) => projection),
    keys.map(({ generation }) => generation),
    keys.map(({ partition }) => partition),
  ];
}
