import type { Database } from '@parley/database';
import type { Checkpoint } from './checkpoints.ts';
import { listCheckpoints } from './checkpoints.ts';
import { listGenerations } from './generations.ts';
import { countParkedEvents } from './parked-events.ts';
import type { ProjectionProgress } from './progress.ts';
import type { Projection } from './projection.ts';

/** How far a projection is. */
export interface ProjectionStatus {
  readonly name: string;
  /** Of the code. */
  readonly version: number;
  /** The generation that answers; 0 before there is one. */
  readonly generation: number;
  readonly partitions: readonly PartitionStatus[];
  readonly parkedCount: bigint;
  /** How far the next generation is, 0 to 1; undefined while none is built. */
  readonly rebuildProgress: number | undefined;
}

export interface PartitionStatus {
  readonly partition: number;
  readonly position: bigint;
  /** As far as it is known. */
  readonly headOffset: bigint;
  /** Undefined before the first event. */
  readonly completeTo: Date | undefined;
  readonly lagMs: number;
  /** Why nothing is taken any more until a rebuild; undefined: all is well. */
  readonly stoppedBecause: string | undefined;
}

/** The projections, in the order of their names. */
export async function listProjectionStatus(
  db: Database,
  projections: readonly Projection[],
  progress: ProjectionProgress,
): Promise<readonly ProjectionStatus[]> {
  const names = projections.map(({ name }) => name);
  const generations = await listGenerations(db, names);
  const checkpoints = await listCheckpoints(db, names);
  const parkedCounts = await countParkedEvents(db, names);
  const sorted = [...projections].sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.map(({ name, version }) => {
    const checkpointsOf = (state: 'active' | 'building') => {
      const found = generations.find((other) => other.projection === name && other.state === state);
      const own = checkpoints.filter((c) => c.projection === name && c.generation === found?.generation);
      return { generation: found?.generation, checkpoints: own };
    };
    const active = checkpointsOf('active');
    const building = checkpointsOf('building');
    return {
      name,
      version,
      generation: active.generation ?? 0,
      partitions: active.checkpoints.map((checkpoint) => partitionStatus(checkpoint, progress)),
      parkedCount: parkedCounts.get(name) ?? 0n,
      rebuildProgress:
        building.generation === undefined ? undefined : shareDone(building.checkpoints, progress),
    };
  });
}

function partitionStatus(checkpoint: Checkpoint, progress: ProjectionProgress): PartitionStatus {
  const { projection, partition, position, stoppedBecause } = checkpoint;
  const completeTo = checkpoint.completeTo ?? undefined;
  const isStopped = stoppedBecause !== null;
  return {
    partition,
    position,
    headOffset: progress.headOf(partition) ?? 0n,
    completeTo,
    lagMs: progress.lagMs({
      projection,
      partition,
      position,
      completeTo: completeTo ?? new Date(0),
      isStopped,
    }),
    stoppedBecause: stoppedBecause ?? undefined,
  };
}

function shareDone(building: readonly Checkpoint[], progress: ProjectionProgress): number {
  const { eventCount, totalEventCount } = countEvents(building, progress);
  return totalEventCount === 0n ? 0 : Math.min(1, Number(eventCount) / Number(totalEventCount));
}

/** Events that checkpoints are behind, and events that there are. */
export function countEvents(
  checkpoints: readonly Checkpoint[],
  progress: ProjectionProgress,
): { eventCount: bigint; totalEventCount: bigint } {
  return {
    eventCount: checkpoints.reduce((sum, { position }) => sum + position, 0n),
    totalEventCount: checkpoints.reduce((sum, { partition, position }) => {
      const head = progress.headOf(partition) ?? 0n;
      return sum + (head > position ? head : position);
    }, 0n),
  };
}
