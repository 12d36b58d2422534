import { defineMigration, openDatabase, roleName } from '@parley/database';
import type { Database } from '@parley/database';
import { createLogger } from '@parley/runtime';
import type { Logger } from '@parley/runtime';
import type { TestDatabase } from '@parley/testing';
import { prepareService } from '@parley/testing';
import { onTestFinished } from 'vitest';
import { createProjectionRuntime, projectionMigration } from '../src/index.ts';
import type { Projection, ProjectionRuntime, ProjectionRuntimeOptions } from '../src/index.ts';

// A toy projection: how often each word was said, and which was the last. Words that begin with "poison" can't be taken.

export const service = 'toy';
export const projectionName = 'toy.words';

export const prepare = prepareService({
  service,
  migrations: [
    defineMigration('0001-create-projections', projectionMigration(service)),
    defineMigration('0002-create-words', [
      `create table words (
         partition integer not null,
         generation integer not null,
         word text not null,
         said_count bigint not null,
         primary key (partition, generation, word)
       )`,
      `create table last_words (
         partition integer not null,
         generation integer not null,
         word text not null,
         log_offset bigint not null,
         primary key (partition, generation)
       )`,
    ]),
  ],
});

/** @param antidote takes poison while it says so. */
export function wordsProjection({
  version = 1,
  antidote = () => false,
}: { version?: number; antidote?: () => boolean } = {}): Projection {
  return {
    name: projectionName,
    version,
    tables: [{ name: 'words' }, { name: 'last_words' }],
    async fold({ tx, partition, generation }, events) {
      const words = events.map(({ body }) => Buffer.from(body ?? []).toString());
      const poison = words.find((word) => word.startsWith('poison'));
      if (poison !== undefined && !antidote()) throw new Error(`can't take ${poison}\0`);
      await tx.query(
        `insert into words (partition, generation, word, said_count)
         select $1, $2, word, count(*) from unnest($3::text[]) as word group by word order by word
         on conflict (partition, generation, word)
         do update set said_count = words.said_count + excluded.said_count`,
        [partition, generation, words],
      );
      await tx.query(
        `insert into last_words (partition, generation, word, log_offset) values ($1, $2, $3, $4)
         on conflict (partition, generation) do update set word = excluded.word, log_offset = excluded.log_offset
          where excluded.log_offset > last_words.log_offset`,
        [partition, generation, words.at(-1), events.at(-1)?.offset],
      );
    },
  };
}

export async function openAs(
  database: TestDatabase,
  role: 'app' | 'worker',
  logger = quiet(),
): Promise<Database> {
  const db = await openDatabase({
    url: database.urlFor(roleName(service, role)),
    service,
    poolSize: 10,
    applicationName: `test ${role}`,
    statementTimeoutMs: 10_000,
    logger,
  });
  onTestFinished(() => db.close());
  return db;
}

let holders = 0;

/** Started, and closed after the test. */
export function startRuntime(
  options: Pick<ProjectionRuntimeOptions, 'db' | 'source'> & Partial<ProjectionRuntimeOptions>,
): ProjectionRuntime {
  holders += 1;
  const runtime = createProjectionRuntime({
    projections: [wordsProjection()],
    holder: `holder ${holders}`,
    now: () => new Date(),
    logger: quiet(),
    leaseMs: 1_000,
    ...options,
  });
  runtime.start();
  onTestFinished(() => runtime.close());
  return runtime;
}

export function quiet(): Logger {
  return createLogger({ service, level: 'silent' });
}

/** A logger and the lines that it has written. */
export function recordingLogger(): { logger: Logger; lines: { level: string; msg: string }[] } {
  const lines: { level: string; msg: string }[] = [];
  const logger = createLogger({
    service,
    level: 'info',
    destination: { write: (line: string) => lines.push(JSON.parse(line)) },
  });
  return { logger, lines };
}

/** How often each word was said by what answers, over all partitions. */
export async function wordCounts(db: Database): Promise<Record<string, number>> {
  const { rows } = await db.query<{ word: string; count: number }>(
    `select word, sum(said_count)::int as count from words
      join projection_generations g using (generation)
      where g.projection = $1 and g.state = 'active'
      group by word`,
    [projectionName],
  );
  return Object.fromEntries(rows.map(({ word, count }) => [word, count]));
}

export function countOf(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** Looks again until it holds; the test's time-out bounds it. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Until what answers has taken the log up to its heads. */
export async function untilCaughtUp(db: Database, heads: ReadonlyMap<number, bigint>): Promise<void> {
  await until(async () => {
    const { rows } = await db.query<{ partition: number; position: bigint }>(
      `select partition, position from projection_checkpoints
        join projection_generations g using (projection, generation) where g.state = 'active'`,
    );
    const positions = new Map(rows.map(({ partition, position }) => [partition, position]));
    return [...heads].every(([partition, head]) => positions.get(partition) === head);
  });
}
