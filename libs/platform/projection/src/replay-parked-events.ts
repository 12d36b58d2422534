import { DomainError } from '@parley/errors';
import type { LogEvent, LogSource } from '@parley/event';
import type { CheckpointKey } from './checkpoints.ts';
import { LeaseLost, lockCheckpoint } from './checkpoints.ts';
import { isPassing } from './failures.ts';
import type { FoldDependencies } from './fold-events.ts';
import { foldSeeded } from './fold-events.ts';
import { getActiveGeneration } from './generations.ts';
import { countAttempt, nextParkedEvents, unparkEvent } from './parked-events.ts';
import { getSeeding } from './seeding.ts';

export interface ReplayOutcome {
  /** Events that the projection holds now. */
  readonly replayedCount: number;
  /** Events that it still could not take. */
  readonly parkedCount: number;
}

const pageSize = 1_000;

/**
 * Lets a projection try its parked events again, each in a transaction of its own that takes it or leaves it parked.
 * The partition's checkpoint is held meanwhile, so nobody else folds.
 * @throws DomainError `aborted` REPLAY_INTERRUPTED when the projection was rebuilt meanwhile, and what is `isPassing`;
 *   events replayed until then stay so.
 */
export async function replayParkedEvents(
  dependencies: Pick<FoldDependencies, 'db' | 'projection'> & { readonly source: LogSource },
  signal: AbortSignal,
): Promise<ReplayOutcome> {
  const { db, projection, source } = dependencies;
  const active = await getActiveGeneration(db, projection.name);
  let replayedCount = 0;
  let parkedCount = 0;
  let after = { partition: -1, offset: 0n };
  for (;;) {
    const page = await nextParkedEvents(db, active, after, pageSize);
    if (page.length === 0) return { replayedCount, parkedCount };
    for (const { partition, offset } of page) {
      signal.throwIfAborted();
      const event = await findEvent(source, partition, offset, signal);
      const key = { projection: projection.name, generation: active.generation, partition };
      if (event === undefined) await countAttempt(db, key, offset, 'The log does not have it any more.');
      if (event !== undefined && (await replayEvent(dependencies, key, event))) replayedCount += 1;
      else parkedCount += 1;
      after = { partition, offset };
    }
  }
}

async function replayEvent(
  { db, projection }: Pick<FoldDependencies, 'db' | 'projection'>,
  key: CheckpointKey,
  event: LogEvent,
): Promise<boolean> {
  try {
    await db.transaction(
      async (tx) => {
        await lockCheckpoint(tx, key);
        // Another replay may have been faster.
        if (!(await unparkEvent(tx, key, event.offset))) return;
        const { partition, generation } = key;
        await foldSeeded(projection, { tx, partition, generation }, [event], await getSeeding(tx, key));
      },
      { byIndex: true },
    );
    return true;
  } catch (error) {
    if (error instanceof LeaseLost) {
      throw new DomainError('The projection was rebuilt meanwhile.', {
        kind: 'aborted',
        reason: 'REPLAY_INTERRUPTED',
        cause: error,
      });
    }
    if (isPassing(error)) throw error;
    await countAttempt(db, key, event.offset, error);
    return false;
  }
}

async function findEvent(
  source: LogSource,
  partition: number,
  offset: bigint,
  signal: AbortSignal,
): Promise<LogEvent | undefined> {
  for await (const { events } of source.tail({
    partition,
    afterOffset: offset - 1n,
    maxBatchSize: 1,
    signal,
  })) {
    const [first] = events;
    // Where retention has been, the log goes on with a later one.
    if (first !== undefined) return first.offset === offset ? first : undefined;
  }
  signal.throwIfAborted();
  throw new Error('The log ended its stream.');
}
