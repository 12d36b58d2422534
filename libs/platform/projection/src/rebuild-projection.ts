import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import { sleep } from '@parley/runtime';
import { listCheckpoints } from './checkpoints.ts';
import type { Checkpoint } from './checkpoints.ts';
import { isPassing } from './failures.ts';
import { addGeneration, listGenerations } from './generations.ts';
import type { Generation } from './generations.ts';
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

export interface RebuildOptions {
  /** How long the database may fail while a rebuild is followed; 60 s unless told. */
  readonly patienceMs?: number;
}

const lookMs = 200;

/**
 * Asks for a new generation of a projection and follows it until it answers; follows the one that is being built, if
 * there is one. The runtimes of all processes build it, whether it is followed or not; so an outage of the database
 * ends nothing unless it lasts.
 * @throws DomainError `failed-precondition` PROJECTION_OUTDATED when its rows are of newer code; `aborted`
 *   REBUILD_REPLACED when newer code began another one meanwhile; what `Database` throws when it fails at once or for
 *   longer than `patienceMs`.
 */
export async function* rebuildProjection(
  db: Database,
  { name, version }: Projection,
  progress: ProjectionProgress,
  signal: AbortSignal,
  { patienceMs = 60_000 }: RebuildOptions = {},
): AsyncGenerator<RebuildStep, void, void> {
  const generation = await askForGeneration(db, name, version, signal);
  for (let answeredAt = performance.now(); ;) {
    let found: FoundGeneration;
    try {
      found = await findGeneration(db, name, generation);
      answeredAt = performance.now();
    } catch (error) {
      if (!isPassing(error) || performance.now() - answeredAt > patienceMs) throw error;
      await sleep(lookMs, signal);
      continue;
    }
    const isDone = found.state === 'active';
    if (!isDone && found.state !== 'building') {
      throw new DomainError(`The rebuild of ${name} was replaced by another one.`, {
        kind: 'aborted',
        reason: 'REBUILD_REPLACED',
      });
    }
    yield { generation, isDone, ...countEvents(found.checkpoints, progress) };
    if (isDone) return;
    await sleep(lookMs, signal);
  }
}

interface FoundGeneration {
  /** Undefined: its rows are gone. */
  readonly state: Generation['state'] | undefined;
  readonly checkpoints: readonly Checkpoint[];
}

async function findGeneration(db: Database, name: string, generation: number): Promise<FoundGeneration> {
  const found = (await listGenerations(db, [name])).find((other) => other.generation === generation);
  const checkpoints = await listCheckpoints(db, [name]);
  return { state: found?.state, checkpoints: checkpoints.filter((other) => other.generation === generation) };
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
