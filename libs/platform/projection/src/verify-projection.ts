import { DomainError } from '@parley/errors';
import { nobody } from '@parley/event';
import type { LogEvent, LogSource } from '@parley/event';
import type { Checkpoint, CheckpointKey, Lease } from './checkpoints.ts';
import {
  addCheckpoints,
  getPosition,
  LeaseLost,
  listCheckpoints,
  lockCheckpoint,
  takeLeases,
} from './checkpoints.ts';
import type {
  BucketDifference,
  Comparison,
  RowDifference,
  VerificationRange,
} from './compare-generations.ts';
import { compareGenerations } from './compare-generations.ts';
import type { FoldDependencies } from './fold-events.ts';
import { foldEvents } from './fold-events.ts';
import type { SeededFoldDependencies } from './fold-events.ts';
import {
  addGeneration,
  emptyGeneration,
  getActiveGeneration,
  notStarted,
  retireGeneration,
} from './generations.ts';
import { seed } from './seeding.ts';
import type { Projection } from './projection.ts';
import type { Slots } from './slots.ts';

/** How far a verification is. */
export interface VerificationStep {
  readonly eventCount: bigint;
  /** As it was at the start; what comes meanwhile is verified too. */
  readonly totalEventCount: bigint;
  /** Only in the last step. */
  readonly result?: VerificationResult;
}

export interface VerificationResult {
  readonly rowCount: number;
  /** 0 is the only good answer. */
  readonly differenceCount: number;
  /** The first 20. */
  readonly differences: readonly RowDifference[];
  /** The first 20 days of tenants in which there are differences. */
  readonly buckets: readonly BucketDifference[];
  /** What could not be computed once more, since the raw events have expired; it was copied. */
  readonly sealed: readonly SealedBuckets[];
}

/** A tenant's buckets of before an instant. */
export interface SealedBuckets {
  readonly partition: number;
  readonly tenantId: string;
  readonly occurredBefore: Date;
}

export interface VerificationDependencies extends FoldDependencies {
  readonly source: LogSource;
  readonly holder: string;
  readonly batchSize: number;
  readonly slots: Slots;
  /** Leases that stand here are renewed. */
  readonly heldLeases: Set<Lease>;
  /** What is compared; all unless told. */
  readonly range?: VerificationRange;
}

const maxDifferences = 20;
/** Events that may be left to fold while the running projection is held. */
const nearlyThere = 1_000n;

/**
 * Computes a projection once more from the log, as a generation of its own, and compares. Partition by partition the
 * two are brought to the same position: the running one is held for the last events, and what is compared is a
 * snapshot of that moment, so it goes on meanwhile. Memory is bounded by a batch.
 *
 * With a range only that is compared. The whole log is read all the same, since what a bucket holds may have come at any
 * time; of a single tenant nothing else is folded.
 * @throws DomainError `aborted` VERIFICATION_RUNNING while another one runs, in whichever process; `aborted`
 *   VERIFICATION_INTERRUPTED when the projection was rebuilt meanwhile or the lease was lost; `failed-precondition`
 *   PROJECTION_OUTDATED while rows for newer or older code answer, PROJECTION_STOPPED when a partition is stopped.
 */
export async function* verifyProjection(
  given: VerificationDependencies,
  signal: AbortSignal,
): AsyncGenerator<VerificationStep, void, void> {
  const tenantId = given.range?.tenantId;
  const dependencies =
    tenantId === undefined ? given : { ...given, projection: ofTenant(given.projection, tenantId) };
  const { heldLeases } = dependencies;
  const running = await getRunning(dependencies);
  const shadow = await openShadow(dependencies, running);
  for (const lease of shadow.leases) heldLeases.add(lease);
  const totalEventCount = running.reduce((sum, { position }) => sum + position, 0n);
  const compared: Comparison[] = [];
  const sealed: SealedBuckets[] = [];
  try {
    let before = 0n;
    yield { eventCount: before, totalEventCount };
    for (const actual of running) {
      const expected = shadow.leases.find(({ partition }) => partition === actual.partition);
      if (expected === undefined) throw interrupted();
      const room = maxDifferences - compared.reduce((sum, { differences }) => sum + differences.length, 0);
      const seeded = { ...dependencies, seeding: await seed(dependencies, expected, signal) };
      for (const [tenantId, { occurredBefore }] of seeded.seeding.seals) {
        if (tenantId === nobody || !isAsked(tenantId, given.range)) continue;
        sealed.push({ partition: actual.partition, tenantId, occurredBefore });
      }
      let position = 0n;
      for await (position of approach(seeded, actual, expected, signal)) {
        yield { eventCount: before + position, totalEventCount };
      }
      const last = await compareAtOnePosition(seeded, { actual, expected, position, room }, signal);
      compared.push(...last.comparisons);
      before += last.position;
    }
    yield { eventCount: before, totalEventCount, result: { ...sumUp(compared), sealed } };
  } catch (error) {
    throw error instanceof LeaseLost ? interrupted(error) : error;
  } finally {
    for (const lease of shadow.leases) heldLeases.delete(lease);
    await discard(dependencies, shadow.generation, signal);
  }
}

function isAsked(tenantId: string, range: VerificationRange | undefined): boolean {
  return range?.tenantId === undefined || range.tenantId === tenantId;
}

/**
 * The same, as if nobody else had ever said anything. Others' events come without what they say, as those that have expired
 * do, since time passes by them too.
 */
function ofTenant(projection: Projection, tenantId: string): Projection {
  const silent = (event: LogEvent): LogEvent =>
    event.tenantId === tenantId || event.tenantId === nobody ? event : { ...event, body: undefined };
  return { ...projection, fold: (context, events) => projection.fold(context, events.map(silent)) };
}

async function getRunning({ db, projection }: VerificationDependencies): Promise<readonly Checkpoint[]> {
  const { name, version } = projection;
  const active = await getActiveGeneration(db, name);
  if (active.version !== version) {
    throw new DomainError(
      `The rows of ${name} are of version ${active.version}, the code is of ${version}.`,
      {
        kind: 'failed-precondition',
        reason: 'PROJECTION_OUTDATED',
        facts: { projection: name },
      },
    );
  }
  const checkpoints = await listCheckpoints(db, [name]);
  const running = checkpoints.filter(({ generation }) => generation === active.generation);
  if (running.length === 0) throw notStarted(name);
  const stopped = running.find(({ stoppedBecause }) => stoppedBecause !== null);
  if (stopped !== undefined) {
    throw new DomainError(`${name} is stopped in partition ${stopped.partition}: ${stopped.stoppedBecause}`, {
      kind: 'failed-precondition',
      reason: 'PROJECTION_STOPPED',
      facts: { projection: name },
    });
  }
  return running;
}

/** The generation to compare with, all of whose leases are held here. */
async function openShadow(
  { db, projection, holder, leaseMs }: VerificationDependencies,
  running: readonly CheckpointKey[],
): Promise<{ generation: number; leases: readonly Lease[] }> {
  return db.transaction(async (tx) => {
    const { name, version } = projection;
    const generation = await addGeneration(tx, { projection: name, version, state: 'verifying' });
    if (generation === undefined) {
      throw new DomainError(`${name} is being verified already.`, {
        kind: 'aborted',
        reason: 'VERIFICATION_RUNNING',
        facts: { projection: name },
      });
    }
    const keys = running.map(({ partition }) => ({ projection: name, generation, partition }));
    await addCheckpoints(tx, keys);
    return { generation, leases: await takeLeases(tx, keys, { holder, leaseMs }) };
  });
}

type SeededDependencies = VerificationDependencies & SeededFoldDependencies;

/** Folds until little is left, and says after each batch how far it is. */
async function* approach(
  dependencies: SeededDependencies,
  actual: CheckpointKey,
  expected: Lease,
  signal: AbortSignal,
): AsyncGenerator<bigint, void, void> {
  for (let position = 0n; ;) {
    const goal = await getPosition(dependencies.db, actual);
    if (goal - position <= nearlyThere) return;
    for await (position of foldUpTo(dependencies, expected, position, goal, signal)) yield position;
  }
}

async function compareAtOnePosition(
  dependencies: SeededDependencies,
  at: { actual: CheckpointKey; expected: Lease; position: bigint; room: number },
  signal: AbortSignal,
): Promise<{ position: bigint; comparisons: readonly Comparison[] }> {
  const { db, projection, range = {} } = dependencies;
  const { actual, expected } = at;
  const comparisons: Comparison[] = [];
  const position = await db.transaction(
    async (snapshot) => {
      const goal = await db.transaction(
        async (tx) => {
          const held = await lockCheckpoint(tx, actual);
          const folded = foldUpTo(dependencies, expected, at.position, held, signal);
          while (!(await folded.next()).done);
          // The first statement takes the snapshot, in which both are at the same position for good.
          await snapshot.query('select from projection_generations limit 1');
          return held;
        },
        { attempts: 1 },
      );
      let { room } = at;
      for (const table of projection.tables) {
        signal.throwIfAborted();
        const generations = {
          partition: actual.partition,
          actual: actual.generation,
          expected: expected.generation,
        };
        const comparison = await compareGenerations(snapshot, table, generations, range, room);
        room -= comparison.differences.length;
        comparisons.push(comparison);
      }
      return goal;
    },
    { isolation: 'repeatable read', readOnly: true, attempts: 1 },
  );
  return { position, comparisons };
}

/** Folds the events after a position up to a goal, and says after each batch how far it is. */
async function* foldUpTo(
  dependencies: SeededDependencies,
  lease: Lease,
  from: bigint,
  goal: bigint,
  signal: AbortSignal,
): AsyncGenerator<bigint, void, void> {
  if (from >= goal) return;
  const { source, batchSize, slots } = dependencies;
  const tail = { partition: lease.partition, afterOffset: from, maxBatchSize: batchSize, signal };
  let position = from;
  for await (const { events } of source.tail(tail)) {
    const wanted = events.filter(({ offset }) => offset <= goal);
    const last = wanted.at(-1);
    // Where a month was dropped, the log may go on beyond the goal.
    if (last === undefined && events.length > 0) return;
    if (last === undefined) continue;
    await slots(() => foldEvents(dependencies, lease, position, wanted, signal));
    position = last.offset;
    yield position;
    if (position >= goal) return;
  }
  signal.throwIfAborted();
  throw new Error('The log ended its stream.');
}

function sumUp(compared: readonly Comparison[]): Omit<VerificationResult, 'sealed'> {
  return {
    rowCount: compared.reduce((sum, { rowCount }) => sum + rowCount, 0),
    differenceCount: compared.reduce((sum, { differenceCount }) => sum + differenceCount, 0),
    differences: compared.flatMap(({ differences }) => differences),
    buckets: compared.flatMap(({ buckets }) => buckets).slice(0, maxDifferences),
  };
}

/** What can't be deleted now is deleted by the runtime, of whichever process, once the leases have expired. */
async function discard(
  { db, projection, logger }: VerificationDependencies,
  generation: number,
  signal: AbortSignal,
): Promise<void> {
  const tables = projection.tables.map(({ name }) => name);
  try {
    await retireGeneration(db, projection.name, generation);
    await emptyGeneration(db, { projection: projection.name, generation, tables }, signal);
  } catch (error) {
    logger.warn(
      { error, projection: projection.name, generation },
      'the rows of a verification are not deleted yet',
    );
  }
}

function interrupted(cause?: unknown): DomainError {
  return new DomainError('The verification was interrupted; ask again.', {
    kind: 'aborted',
    reason: 'VERIFICATION_INTERRUPTED',
    cause,
  });
}
