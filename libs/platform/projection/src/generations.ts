import type { Database, Transaction } from '@parley/database';
import { DomainError } from '@parley/errors';

/** What becomes of a generation: it is computed, it answers, it is computed only to be compared, it answers no more. */
export type GenerationState = 'building' | 'active' | 'verifying' | 'retired';

/** One of several sets of a projection's rows. */
export interface Generation {
  readonly projection: string;
  readonly generation: number;
  /** Of the code for which it was made. */
  readonly version: number;
  readonly state: GenerationState;
}

type Queryable = Pick<Database, 'query'> | Pick<Transaction, 'query'>;

/** The generations of which there may still be rows. */
export async function listGenerations(
  db: Queryable,
  projections: readonly string[],
): Promise<readonly Generation[]> {
  const { rows } = await db.query<Generation>(
    `select projection, generation, version, state from projection_generations
      where projection = any($1) and emptied_at is null
      order by projection, generation`,
    [projections],
  );
  return rows;
}

/**
 * Makes a generation and returns its number; undefined when there is one of that state already, perhaps made by
 * another process at this moment.
 */
export async function addGeneration(
  db: Queryable,
  { projection, version, state }: Omit<Generation, 'generation'>,
): Promise<number | undefined> {
  const { rows } = await db.query<{ generation: number }>(
    `insert into projection_generations (projection, generation, version, state)
     select $1, coalesce(max(generation), 0) + 1, $2, $3 from projection_generations where projection = $1
     on conflict do nothing
     returning generation`,
    [projection, version, state],
  );
  return rows[0]?.generation;
}

/**
 * Takes a generation out of use. Its checkpoints go in the same transaction, so whoever is still folding into it is
 * refused, and its rows can be deleted in peace. Nothing happens when it was retired before.
 */
export async function retireGeneration(db: Database, projection: string, generation: number): Promise<void> {
  await db.transaction((tx) => retire(tx, projection, generation));
}

async function retire(tx: Transaction, projection: string, generation: number): Promise<void> {
  await tx.query('delete from projection_checkpoints where projection = $1 and generation = $2', [
    projection,
    generation,
  ]);
  await tx.query('delete from projection_seals where projection = $1 and generation = $2', [
    projection,
    generation,
  ]);
  await tx.query('delete from projection_parked where projection = $1 and generation = $2', [
    projection,
    generation,
  ]);
  await tx.query(
    `update projection_generations set state = 'retired' where projection = $1 and generation = $2`,
    [projection, generation],
  );
}

/** How long the running generation is held so that the next one can reach it. */
const meetMs = 500;
const lookAgainMs = 10;

/**
 * Lets the generation being built take over from the one that answers, in one transaction, so that an answer never
 * goes back: in every partition the new one is at least as far. To meet it, the running one is held for a moment.
 * @param heads a partition that stopped because it is ahead of the log need only be reached up to the log's head.
 * @returns whether it took over; false when it is not as far or others are at it.
 */
export async function switchGenerations(
  db: Database,
  projection: string,
  heads: ReadonlyMap<number, bigint>,
  sleep: (ms: number) => Promise<void>,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { rows: generations } = await tx.query<Generation>(
      `select generation, state from projection_generations
        where projection = $1 and state in ('active', 'building')
        for no key update skip locked`,
      [projection],
    );
    const active = generations.find(({ state }) => state === 'active')?.generation;
    const building = generations.find(({ state }) => state === 'building')?.generation;
    if (active === undefined || building === undefined) return false;

    const { rows: goals } = await tx.query<{ partition: number; position: bigint; isStopped: boolean }>(
      `select partition, position, stopped_because is not null as "isStopped" from projection_checkpoints
        where projection = $1 and generation = $2 order by partition for no key update`,
      [projection, active],
    );
    const hasMet = async (): Promise<boolean> => {
      const { rows } = await tx.query<{ partition: number; position: bigint }>(
        'select partition, position from projection_checkpoints where projection = $1 and generation = $2',
        [projection, building],
      );
      const reached = new Map(rows.map(({ partition, position }) => [partition, position]));
      return goals.every(({ partition, position, isStopped }) => {
        const goal = isStopped ? heads.get(partition) : position;
        return goal !== undefined && (reached.get(partition) ?? -1n) >= goal;
      });
    };
    for (let waited = 0; !(await hasMet()); waited += lookAgainMs) {
      if (waited >= meetMs) return false;
      await sleep(lookAgainMs);
    }
    await retire(tx, projection, active);
    await tx.query(
      `update projection_generations set state = 'active' where projection = $1 and generation = $2`,
      [projection, building],
    );
    return true;
  });
}

/** 2 MiB: enough to be quick, few enough rows that nobody notices. */
const pagesAtOnce = 256;

/**
 * Deletes the rows of a retired generation: once through each table in its physical order, since no index leads with
 * the generation, and in short transactions. Killed half-way, it is simply run again.
 */
export async function emptyGeneration(
  db: Database,
  { projection, generation, tables }: { projection: string; generation: number; tables: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  for (const table of tables) {
    const { rows } = await db.query<{ kind: string; pages: bigint }>(
      `select relkind::text as kind, pg_relation_size(oid) / current_setting('block_size')::int as pages
         from pg_class where oid = $1::regclass`,
      [table],
    );
    const { kind, pages } = rows[0] ?? { kind: 'none', pages: 0n };
    if (kind !== 'r') throw new Error(`A projection's table must be an ordinary one; ${table} is not.`);
    for (let page = 0n; page < pages; page += BigInt(pagesAtOnce)) {
      signal.throwIfAborted();
      await db.query(`delete from ${table} where ctid >= $1::tid and ctid < $2::tid and generation = $3`, [
        `(${page},0)`,
        `(${page + BigInt(pagesAtOnce)},0)`,
        generation,
      ]);
    }
  }
  await db.query(
    `update projection_generations set emptied_at = clock_timestamp()
      where projection = $1 and generation = $2 and state = 'retired'`,
    [projection, generation],
  );
}

/** The generation that answers. @throws DomainError `unavailable` PROJECTION_NOT_STARTED while there is none. */
export async function getActiveGeneration(db: Queryable, projection: string): Promise<Generation> {
  const active = (await listGenerations(db, [projection])).find(({ state }) => state === 'active');
  if (active === undefined) throw notStarted(projection);
  return active;
}

/** Told before a projection has run for the first time. */
export function notStarted(projection: string): DomainError {
  return new DomainError(`The projection ${projection} has not been started yet.`, {
    kind: 'unavailable',
    reason: 'PROJECTION_NOT_STARTED',
    facts: { projection },
    retryAfterMs: 1_000,
  });
}
