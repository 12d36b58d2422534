import type { LogEvent, LogSource } from '@parley/event';
import { sleep } from '@parley/runtime';
import type { Checkpoint, Lease } from './checkpoints.ts';
import { findPosition, LeaseLost, stopCheckpoint } from './checkpoints.ts';
import type { Outage } from './failures.ts';
import { backoffMs, isTimeout } from './failures.ts';
import type { FoldDependencies } from './fold-events.ts';
import { foldEvents } from './fold-events.ts';
import type { Seeding } from './seeding.ts';
import { seed } from './seeding.ts';
import type { Slots } from './slots.ts';

/** Moves one partition of one generation, as long as it holds its lease. */
export interface PartitionWorker {
  readonly lease: Lease;
  /** Lets the fold in progress end and stops; the lease stays. Rejects never. */
  stop(): Promise<void>;
}

export interface WorkerOptions extends FoldDependencies {
  readonly source: LogSource;
  /** As it was when its lease was taken. */
  readonly checkpoint: Checkpoint;
  /** Events in one transaction at most. */
  readonly batchSize: number;
  readonly slots: Slots;
  readonly random: () => number;
  readonly sourceOutage: Outage;
  readonly databaseOutage: Outage;
  readonly onHead: (headOffset: bigint) => void;
  /** The event after `position` is here. */
  readonly onReceived: (position: bigint, receivedAt: Date) => void;
  readonly onReached: (position: bigint) => void;
  /** It works no more, because it was stopped, has lost its lease or must not go on. */
  readonly onEnd: () => void;
}

/** The log gave other events than those that follow. */
class LogGap extends Error {
  constructor(position: bigint, events: readonly LogEvent[]) {
    const offsets = `${events[0]?.offset} to ${events.at(-1)?.offset}`;
    super(
      `After ${position} the log gave ${events.length} events, ${offsets}: some are missing or come twice.`,
    );
    this.name = 'LogGap';
  }
}

export function startPartitionWorker(options: WorkerOptions): PartitionWorker {
  const stopping = new AbortController();
  const { projection, generation, partition, token } = options.checkpoint;
  const lease: Lease = { projection, generation, partition, token };
  const done = work(options, lease, stopping.signal).finally(options.onEnd);
  return {
    lease,
    stop: () => {
      stopping.abort(new Error('The worker is stopped.'));
      return done;
    },
  };
}

async function work(options: WorkerOptions, lease: Lease, signal: AbortSignal): Promise<void> {
  const { source, db, logger, random, sourceOutage, databaseOutage } = options;
  const who = `${lease.projection}/${lease.generation}/${lease.partition}`;
  let position: bigint | undefined = options.checkpoint.position;
  let seeding: Seeding | undefined;
  let limit = options.batchSize;
  let failures = 0;

  const take = async (events: readonly LogEvent[], after: bigint, begun: Seeding): Promise<bigint> => {
    let reached = after;
    for (let start = 0; start < events.length && !signal.aborted;) {
      const some = events.slice(start, start + limit);
      await options.slots(() => foldEvents({ ...options, seeding: begun }, lease, reached, some, signal));
      start += some.length;
      reached = some.at(-1)?.offset ?? reached;
      options.onReached(reached);
      limit = Math.min(limit * 2, options.batchSize);
    }
    return reached;
  };

  while (!signal.aborted) {
    // Who is to answer now, and so to blame for an error.
    let outage = databaseOutage;
    try {
      // After a failure nobody knows whether the last transaction was committed.
      position ??= await findPosition(db, lease);
      if (position === undefined) break;
      outage = sourceOutage;
      seeding ??= await seed(options, lease, signal);
      const head = (await source.heads(signal)).get(lease.partition);
      if (head === undefined) throw new Error(`The log has no partition ${lease.partition}.`);
      let isAhead = isAheadOf(head, position);
      if (!isAhead) {
        const { partition } = lease;
        const tail = { partition, afterOffset: position, maxBatchSize: options.batchSize, signal };
        for await (const { events, headOffset } of source.tail(tail)) {
          sourceOutage.ended(who);
          isAhead = isAheadOf(headOffset, position);
          if (isAhead || signal.aborted) break;
          options.onHead(headOffset);
          const [first] = events;
          if (first === undefined) continue;
          requireNoGap(position, events);
          options.onReceived(position, first.receivedAt);
          outage = databaseOutage;
          await options.reachFailpoint('projection:read', lease);
          position = await take(events, position, seeding);
          databaseOutage.ended(who);
          outage = sourceOutage;
          failures = 0;
        }
      }
      if (isAhead) {
        outage = databaseOutage;
        await stopAheadOfLog(options, lease, position);
        break;
      }
      if (!signal.aborted) throw new Error('The log ended its stream.');
    } catch (error) {
      position = undefined;
      if (signal.aborted || error instanceof LeaseLost) continue;
      if (error instanceof LogGap && failures === 0) logger.error({ error, ...lease }, 'the log has a gap');
      if (isTimeout(error)) limit = Math.max(1, limit >> 1);
      outage.began(who, error);
      failures += 1;
      await sleep(backoffMs(failures, random), signal).catch(() => undefined);
    }
  }
  sourceOutage.ended(who);
  databaseOutage.ended(who);
}

/** The log begins where its retention has come to; whoever has taken something may miss nothing. */
function requireNoGap(position: bigint, events: readonly LogEvent[]): void {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return;
  const follows = position === 0n ? first.offset > 0n : first.offset === position + 1n;
  if (!follows || last.offset - first.offset !== BigInt(events.length - 1))
    throw new LogGap(position, events);
}

/** Events that were taken are not in the log: it has lost some, or is another one. Going on would hide that. */
function isAheadOf(headOffset: bigint, position: bigint): boolean {
  return headOffset < position;
}

async function stopAheadOfLog({ db, logger }: WorkerOptions, lease: Lease, position: bigint): Promise<void> {
  const because = `Position ${position} is beyond the end of the log.`;
  await stopCheckpoint(db, lease, because);
  const { projection, generation, partition } = lease;
  logger.error(
    { projection, generation, partition, position: position.toString() },
    'a projection holds events that the log does not have; the partition is stopped until it is rebuilt',
  );
}
