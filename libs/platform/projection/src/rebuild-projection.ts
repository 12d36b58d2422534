import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import { sleep } from '@parley/runtime';
import { listCheckpoints } from './checkpoints.ts';
import { addGeneration, listGenerations } from './generations.ts';
import { countEvents } from './projection-status.ts';
import type { ProjectionProgress } from './progress.ts';
import type { Projection } from './projection.ts';

/** How far a rebuild is. */
export interface RebuildStep {
  /** The generation that it makes. */
  readonly generation: number;
  readonly eventCount: bigint;
  readonly totalEventCount: bigint;
  /** Whether it answers; only in the last step. */
  readonly isDone: boolean;
}

const lookMs = 200;

/**
 * Asks for a new generation of a projection and follows it until it answers; follows the one that is being built, if
 * there is one. The runtimes of all processes build it, whether it is followed or not.
 * @throws DomainError `failed-precondition` PROJECTION_OUTDATED when its rows are of newer code; `aborted`
 *   REBUILD_REPLACED when newer code began another one meanwhile.
 */
export async function* rebuildProjection(
  db: Database,
  { name, version }: Projection,
  progress: ProjectionProgress,
  signal: AbortSignal,
): AsyncGenerator<RebuildStep, void, void> {
  const generation = await askForGeneration(db, name, version, signal);
  for (;;) {
    const found = (await listGenerations(db, [name])).find((other) => other.generation === generation);
    const own = (await listCheckpoints(db, [name])).filter((other) => other.generation === generation);
    const isDone = found?.state === 'active';
    if (!isDone && found?.state !== 'building') {
      throw new DomainError(`The rebuild of ${name} was replaced by another one.`, {
        kind: 'aborted',
        reason: 'REBUILD_REPLACED',
      });
    }
    yield { generation, isDone, ...countEvents(own, progress) };
    if (isDone) return;
    await sleep(lookMs, signal);
  }
}

async function askForGeneration(
  db: Database,
  name: string,
  version: number,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    const generations = await listGenerations(db, [name]);
    if (generations.some((other) => other.state !== 'retired' && other.version > version)) {
      throw new DomainError(`The rows of ${name} are of newer code than this.`, {
        kind: 'failed-precondition',
        reason: 'PROJECTION_OUTDATED',
        facts: { projection: name },
      });
    }
    const building = generations.find(({ state }) => state === 'building')?.generation;
    const generation =
      building ?? (await addGeneration(db, { projection: name, version, state: 'building' }));
    if (generation !== undefined) return generation;
    // Another process was faster; it is seen in a moment.
    await sleep(lookMs, signal);
  }
}
