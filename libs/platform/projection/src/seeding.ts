import type { Database, Transaction } from '@parley/database';
import type { LogSource, RawSeal } from '@parley/event';
import type { CheckpointKey, Lease } from './checkpoints.ts';
import { LeaseLost } from './checkpoints.ts';
import type { Projection, Seal } from './projection.ts';

/**
 * What one partition of a generation began with: copies of the rows that the log can't give any more, taken from the
 * generation that answered.
 */
export interface Seeding {
  /** The copied rows hold everything up to here; 0: nothing was copied. */
  readonly throughOffset: bigint;
  /** By tenant, as they were then. */
  readonly seals: ReadonlyMap<string, Seal>;
}

export interface SeedingDependencies {
  readonly db: Database;
  readonly projection: Projection;
  readonly source: LogSource;
}

/** Copying all rows of a partition takes long, and nobody waits for its locks. */
const statementMs = 30 * 60_000;
/** A process that is stopped here keeps the row locked, and others from beginning, for no longer. */
const idleMs = 5_000;

/**
 * Lets a generation begin, unless it has begun: copies what is sealed, in the snapshot in which it also reads how far the
 * generation that answers is. The seals are asked for after the generation was made, so that a seal which is confirmed
 * without having seen this generation is known to it.
 * @throws LeaseLost when it is no longer the caller's; what `source` and `Database` throw.
 */
export async function seed(
  { db, projection, source }: SeedingDependencies,
  lease: Lease,
  signal: AbortSignal,
): Promise<Seeding> {
  const begun = await findSeeding(db, lease);
  if (begun !== undefined) return begun;
  const all = await source.seals({ reader: projection.name, confirmed: 0n, signal });
  const seals = all.filter(({ partition }) => partition === lease.partition);
  await db.transaction(
    async (tx) => {
      const { rows } = await tx.query<{ isSeeded: boolean }>(
        `select seeded_through is not null as "isSeeded" from projection_checkpoints
          where partition = $1 and projection = $2 and generation = $3 and lease_token = $4 for no key update`,
        [lease.partition, lease.projection, lease.generation, lease.token],
      );
      if (rows[0] === undefined) throw new LeaseLost(lease);
      if (rows[0].isSeeded) return;
      const answering = await findAnswering(tx, lease);
      if (answering !== undefined && seals.length > 0) {
        await saveSeals(tx, lease, seals);
        for (const { name, sealed } of projection.tables) {
          if (sealed !== undefined)
            await copySealed(tx, { table: name, sealed }, lease, answering.generation);
        }
      }
      await tx.query(
        `update projection_checkpoints set seeded_through = $4
          where partition = $1 and projection = $2 and generation = $3`,
        [lease.partition, lease.projection, lease.generation, answering?.position ?? 0n],
      );
    },
    { isolation: 'repeatable read', idleMs },
  );
  return getSeeding(db, lease);
}

/** What a generation that has begun began with. @throws LeaseLost when it is gone. */
export async function getSeeding(db: Pick<Transaction, 'query'>, key: CheckpointKey): Promise<Seeding> {
  const seeding = await findSeeding(db, key);
  if (seeding === undefined) throw new LeaseLost(key);
  return seeding;
}

/** Undefined before it has begun, or when it is gone. */
async function findSeeding(
  db: Pick<Transaction, 'query'>,
  { projection, generation, partition }: CheckpointKey,
): Promise<Seeding | undefined> {
  const { rows } = await db.query<{
    throughOffset: bigint;
    tenantId: string | null;
    receivedBefore: Date | null;
    occurredBefore: Date | null;
  }>(
    `select c.seeded_through as "throughOffset", s.tenant_id as "tenantId", s.received_before as "receivedBefore",
            s.occurred_before as "occurredBefore"
       from projection_checkpoints c
       left join projection_seals s using (partition, projection, generation)
      where c.partition = $1 and c.projection = $2 and c.generation = $3 and c.seeded_through is not null`,
    [partition, projection, generation],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const seals = rows.flatMap(({ tenantId, receivedBefore, occurredBefore }): [string, Seal][] =>
    tenantId === null || receivedBefore === null || occurredBefore === null
      ? []
      : [[tenantId, { receivedBefore, occurredBefore }]],
  );
  return { throughOffset: row.throughOffset, seals: new Map(seals) };
}

/** The generation from which to copy, and how far it is in the partition. */
async function findAnswering(
  tx: Transaction,
  { projection, generation, partition }: CheckpointKey,
): Promise<{ readonly generation: number; readonly position: bigint } | undefined> {
  const { rows } = await tx.query<{ generation: number; position: bigint }>(
    `select c.generation, c.position
       from projection_checkpoints c join projection_generations g using (projection, generation)
      where c.partition = $1 and c.projection = $2 and g.state = 'active' and c.generation <> $3`,
    [partition, projection, generation],
  );
  return rows[0];
}

async function saveSeals(
  tx: Transaction,
  { projection, generation, partition }: CheckpointKey,
  seals: readonly RawSeal[],
): Promise<void> {
  await tx.query(
    `insert into projection_seals (partition, projection, generation, tenant_id, received_before, occurred_before)
     select $1, $2, $3, s.* from unnest($4::uuid[], $5::timestamptz[], $6::timestamptz[]) as s`,
    [
      partition,
      projection,
      generation,
      seals.map(({ tenantId }) => tenantId),
      seals.map(({ receivedBefore }) => receivedBefore),
      seals.map(({ occurredBefore }) => occurredBefore),
    ],
  );
}

async function copySealed(
  tx: Transaction,
  { table, sealed }: { readonly table: string; readonly sealed: string },
  { projection, generation, partition }: CheckpointKey,
  from: number,
): Promise<void> {
  const { rows } = await tx.query<{ name: string }>(
    `select quote_ident(attname) as name from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> 'generation' order by attnum`,
    [table],
  );
  const columns = rows.map(({ name }) => name);
  await tx.query(`set local statement_timeout = ${statementMs}`);
  // Straight to the driver, whose own time-out is as short as other statements need.
  const statement = {
    text: `insert into ${table} (generation, ${columns.join(', ')})
           select $3::integer, ${columns.map((name) => `r.${name}`).join(', ')}
             from ${table} r
             join projection_seals seal
               on seal.partition = $1 and seal.projection = $2 and seal.generation = $3 and seal.tenant_id = r.tenant_id
            where r.partition = $1 and r.generation = $4 and (${sealed})`,
    values: [partition, projection, generation, from],
    query_timeout: statementMs + 5_000,
  };
  await tx.client.query(statement);
}

/**
 * Whether no generation of a projection that is or will be computed needs what a seal takes away: each has passed it, or
 * has begun with it.
 */
export async function isPastSeal(db: Database, projection: string, seal: RawSeal): Promise<boolean> {
  const { rows } = await db.query<{ isPast: boolean }>(
    `select coalesce(bool_and(coalesce(c.position >= $3, false) or coalesce(s.received_before >= $4, false)), false)
              as "isPast"
       from projection_generations g
       left join projection_checkpoints c
         on c.projection = g.projection and c.generation = g.generation and c.partition = $2
       left join projection_seals s
         on s.projection = g.projection and s.generation = g.generation and s.partition = $2 and s.tenant_id = $5
      where g.projection = $1 and g.state <> 'retired'`,
    [projection, seal.partition, seal.throughOffset, seal.receivedBefore, seal.tenantId],
  );
  return rows[0]?.isPast ?? false;
}
