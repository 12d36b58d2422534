import type { Database } from '@parley/database';
import type { LogEvent } from '@parley/event';
import type { Logger } from '@parley/runtime';
import { sleep } from '@parley/runtime';
import type { Lease } from './checkpoints.ts';
import { LeaseLost, moveCheckpoint } from './checkpoints.ts';
import { isPassing } from './failures.ts';
import { parkEvent } from './parked-events.ts';
import type { FoldContext, Projection } from './projection.ts';
import type { Seeding } from './seeding.ts';

/** Where tests end the process or let a fold fail: events are read, folded but not committed, committed. */
export type Failpoint = 'projection:read' | 'projection:folded' | 'projection:written';

export interface FoldDependencies {
  readonly db: Database;
  readonly projection: Projection;
  readonly leaseMs: number;
  readonly logger: Logger;
  readonly reachFailpoint: (failpoint: Failpoint, lease: Lease) => Promise<void> | void;
}

/** The same, with what the generation began with. */
export interface SeededFoldDependencies extends FoldDependencies {
  readonly seeding: Seeding;
}

/** How often an event is tried on its own before it is parked. */
const attemptsAlone = 3;
/** How often a batch is tried before it is split. */
const attemptsTogether = 2;
const retryMs = 20;

/**
 * Takes events into a projection and moves its checkpoint behind the last one; the effect of each event and the move
 * are one transaction. Events that fail together are tried in halves, until the one at fault stands alone and is
 * parked. What came before it stays taken, whatever happens then.
 * @param after the checkpoint as it is; the events are those that follow it.
 * @throws LeaseLost when it is elsewhere or no longer the caller's; whatever `isPassing` calls passing; the signal's
 *   reason. After any of these the checkpoint may have moved.
 */
export async function foldEvents(
  dependencies: SeededFoldDependencies,
  lease: Lease,
  after: bigint,
  events: readonly LogEvent[],
  signal: AbortSignal,
): Promise<void> {
  const failure = await tryToFold(
    dependencies,
    lease,
    after,
    events,
    events.length === 1 ? attemptsAlone : attemptsTogether,
    signal,
  );
  if (failure !== undefined) await foldApart(dependencies, lease, after, events, failure.error, signal);
}

async function foldApart(
  dependencies: SeededFoldDependencies,
  lease: Lease,
  after: bigint,
  events: readonly LogEvent[],
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const [first] = events;
  if (first !== undefined && events.length === 1) {
    await park(dependencies, lease, after, first, error);
    return;
  }
  const middle = Math.ceil(events.length / 2);
  let position = after;
  for (const half of [events.slice(0, middle), events.slice(middle)]) {
    const attempts = half.length === 1 ? attemptsAlone : 1;
    const failure = await tryToFold(dependencies, lease, position, half, attempts, signal);
    if (failure !== undefined) await foldApart(dependencies, lease, position, half, failure.error, signal);
    position = half.at(-1)?.offset ?? position;
  }
}

/** Undefined when the events are taken; else what is wrong with them. */
async function tryToFold(
  dependencies: SeededFoldDependencies,
  lease: Lease,
  after: bigint,
  events: readonly LogEvent[],
  attempts: number,
  signal: AbortSignal,
): Promise<{ readonly error: unknown } | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await foldOnce(dependencies, lease, after, events);
      return undefined;
    } catch (error) {
      if (error instanceof LeaseLost || isPassing(error)) throw error;
      if (attempt === attempts) return { error };
    }
    await sleep(retryMs * attempt, signal);
  }
}

/** Folds what was in the copied rows already as such, and the rest as usual. */
export async function foldSeeded(
  projection: Projection,
  context: FoldContext,
  events: readonly LogEvent[],
  { throughOffset, seals }: Seeding,
): Promise<void> {
  const isReplayed = ({ offset }: LogEvent): boolean => seals.size > 0 && offset <= throughOffset;
  const replayed = events.filter(isReplayed);
  if (replayed.length > 0) await projection.fold({ ...context, seals }, replayed);
  const others = events.filter((event) => !isReplayed(event));
  if (others.length > 0) await projection.fold(context, others);
}

async function foldOnce(
  { db, projection, seeding, leaseMs, reachFailpoint }: SeededFoldDependencies,
  lease: Lease,
  after: bigint,
  events: readonly LogEvent[],
): Promise<void> {
  const last = events.at(-1);
  if (last === undefined) return;
  await db.transaction(
    async (tx) => {
      await moveCheckpoint(tx, lease, { from: after, to: last.offset, completeTo: last.receivedAt, leaseMs });
      const { partition, generation } = lease;
      await foldSeeded(projection, { tx, partition, generation }, events, seeding);
      await reachFailpoint('projection:folded', lease);
    },
    // A process that is frozen in here is cut off when its lease ends: its locks would keep others from taking over.
    { idleMs: leaseMs, byIndex: true },
  );
  await reachFailpoint('projection:written', lease);
}

async function park(
  { db, leaseMs, logger }: FoldDependencies,
  lease: Lease,
  after: bigint,
  event: LogEvent,
  error: unknown,
): Promise<void> {
  await db.transaction(async (tx) => {
    await moveCheckpoint(tx, lease, { from: after, to: event.offset, completeTo: event.receivedAt, leaseMs });
    await parkEvent(tx, lease, { offset: event.offset, error, attemptCount: attemptsAlone });
  });
  const { projection, generation, partition } = lease;
  logger.error(
    { error, projection, generation, partition, offset: event.offset.toString(), kind: event.kind },
    'an event could not be taken and is parked',
  );
}
