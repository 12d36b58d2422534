import { openDatabase, roleName } from '@parley/database';
import type { Database } from '@parley/database';
import { createLogger } from '@parley/runtime';
import type { Logger } from '@parley/runtime';
import type { TestDatabase } from '@parley/testing';
import { prepareService } from '@parley/testing';
import { onTestFinished } from 'vitest';
import { createProjectionRuntime } from '../src/index.ts';
import type { ProjectionRuntime, ProjectionRuntimeOptions, VerificationResult } from '../src/index.ts';
import type { SimulatedLog } from './simulated-log.ts';
import { migrations, projectionName, service, wordsProjection } from './words-projection.ts';

export const prepare = prepareService({ service, migrations });

export async function openAs(
  database: TestDatabase,
  role: 'app' | 'worker',
  poolSize = 10,
): Promise<Database> {
  const db = await openDatabase({
    url: database.urlFor(roleName(service, role)),
    service,
    poolSize,
    applicationName: `test ${role}`,
    statementTimeoutMs: 10_000,
    logger: quiet(),
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

/** The last step of a verification. */
export async function verified(runtime: ProjectionRuntime): Promise<VerificationResult> {
  let result: VerificationResult | undefined;
  for await (const step of runtime.verify(projectionName, new AbortController().signal)) result = step.result;
  if (result === undefined) throw new Error('a verification ended without a result');
  return result;
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

/** How often each word is in the log. */
export function countsOf(log: SimulatedLog, partitionCount: number): Record<string, number> {
  return countOf(Array.from({ length: partitionCount }, (_, partition) => log.texts(partition)).flat());
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

/** Until what answers has taken the log up to its heads; also while the database fails now and then. */
export async function untilCaughtUp(db: Database, heads: ReadonlyMap<number, bigint>): Promise<void> {
  await until(async () => {
    const positions = await positionsOf(db).catch(() => new Map<number, bigint>());
    return [...heads].every(([partition, head]) => positions.get(partition) === head);
  });
}

/** How far what answers is, by partition. */
export async function positionsOf(db: Database): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await db.query<{ partition: number; position: bigint }>(
    `select partition, position from projection_checkpoints
      join projection_generations g using (projection, generation) where g.state = 'active'`,
  );
  return new Map(rows.map(({ partition, position }) => [partition, position]));
}
