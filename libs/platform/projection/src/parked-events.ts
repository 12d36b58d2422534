import type { Database, Transaction } from '@parley/database';
import type { CheckpointKey } from './checkpoints.ts';

/** An event that a projection could not take. */
export interface ParkedEvent {
  readonly projection: string;
  readonly partition: number;
  readonly offset: bigint;
  /** What went wrong, at most 2,000 characters. */
  readonly error: string;
  /** How often it was tried. */
  readonly attemptCount: number;
  readonly parkedAt: Date;
}

/** Puts an event aside. */
export async function parkEvent(
  tx: Transaction,
  { projection, generation, partition }: CheckpointKey,
  { offset, error, attemptCount }: { offset: bigint; error: unknown; attemptCount: number },
): Promise<void> {
  await tx.query(
    `insert into projection_parked (projection, generation, partition, log_offset, error, attempt_count)
     values ($1, $2, $3, $4, $5, $6)`,
    [projection, generation, partition, offset, errorText(error), attemptCount],
  );
}

/** Where a page of parked events ends. */
export type ParkedEventKey = Pick<ParkedEvent, 'parkedAt' | 'projection' | 'partition' | 'offset'>;

/** Parked events of the generations that answer, the latest first. */
export async function listParkedEvents(
  db: Database,
  projections: readonly string[],
  { after, limit }: { after?: ParkedEventKey | undefined; limit: number },
): Promise<readonly ParkedEvent[]> {
  const { rows } = await db.query<ParkedEvent>(
    `select p.projection, p.partition, p.log_offset as "offset", p.error, p.attempt_count as "attemptCount",
            p.parked_at as "parkedAt"
       from projection_parked p
       join projection_generations g using (projection, generation)
      where g.state = 'active' and p.projection = any($1)
        and ($2::timestamptz is null or (p.parked_at, p.projection, p.partition, p.log_offset) < ($2, $3, $4, $5))
      order by p.parked_at desc, p.projection desc, p.partition desc, p.log_offset desc
      limit $6`,
    [
      projections,
      after?.parkedAt ?? null,
      after?.projection ?? null,
      after?.partition ?? null,
      after?.offset ?? null,
      limit,
    ],
  );
  return rows;
}

/** How many events of the generation that answers are parked, by projection; none where there are none. */
export async function countParkedEvents(
  db: Database,
  projections: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const { rows } = await db.query<{ projection: string; count: bigint }>(
    `select p.projection, count(*) as count
       from projection_parked p
       join projection_generations g using (projection, generation)
      where g.state = 'active' and p.projection = any($1)
      group by p.projection`,
    [projections],
  );
  return new Map(rows.map(({ projection, count }) => [projection, count]));
}

/** Offsets of parked events after a place, in order. */
export async function nextParkedEvents(
  db: Database,
  { projection, generation }: Omit<CheckpointKey, 'partition'>,
  after: { partition: number; offset: bigint },
  limit: number,
): Promise<readonly { partition: number; offset: bigint }[]> {
  const { rows } = await db.query<{ partition: number; offset: bigint }>(
    `select partition, log_offset as "offset" from projection_parked
      where projection = $1 and generation = $2 and (partition, log_offset) > ($3, $4)
      order by partition, log_offset limit $5`,
    [projection, generation, after.partition, after.offset, limit],
  );
  return rows;
}

/** Takes an event out of the parked ones; false when it is not there. */
export async function unparkEvent(
  tx: Transaction,
  { projection, generation, partition }: CheckpointKey,
  offset: bigint,
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `delete from projection_parked
      where projection = $1 and generation = $2 and partition = $3 and log_offset = $4`,
    [projection, generation, partition, offset],
  );
  return rowCount > 0;
}

/** Notes that a parked event still can't be taken. */
export async function countAttempt(
  db: Database,
  { projection, generation, partition }: CheckpointKey,
  offset: bigint,
  error: unknown,
): Promise<void> {
  await db.query(
    `update projection_parked set attempt_count = attempt_count + 1, error = $5
      where projection = $1 and generation = $2 and partition = $3 and log_offset = $4`,
    [projection, generation, partition, offset, errorText(error)],
  );
}

/** Postgres keeps no NUL, and a message can quote one. */
function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll('\0', '').slice(0, 2_000);
}
