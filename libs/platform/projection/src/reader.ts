import type { Database, Transaction } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import { notStarted } from './generations.ts';
import type { ProjectionProgress } from './progress.ts';
import type { ProjectionWatermark } from './projection.ts';

/** Answers from what a projection has written. */
export interface ProjectionReader {
  /**
   * Runs `answer` in a read-only transaction of the tenant, in one snapshot with the watermark; its statements seek rows
   * by index.
   *
   * With `minPosition` it first waits until the projection is there. When it is not there after `maxWaitMs` or when the
   * signal is aborted: DomainError `unavailable` NOT_CAUGHT_UP. Before the projection has run for the first time:
   * `unavailable` PROJECTION_NOT_STARTED. Otherwise it throws what `Database.withTenant` does.
   */
  read<T>(request: ReadRequest, answer: (snapshot: ProjectionSnapshot) => Promise<T>): Promise<T>;
}

export interface ReadRequest {
  readonly tenantId: string;
  /** The tenant's. */
  readonly partition: number;
  /** Events up to this offset must be in the answer. */
  readonly minPosition?: bigint | undefined;
  /** The answer is given away piece by piece: it is never begun again, and may wait for its reader for 90 s. */
  readonly isStreamed?: boolean;
  /** It must be as fresh as can be: a standby is not asked. */
  readonly isLive?: boolean;
  readonly signal: AbortSignal;
}

export interface ProjectionSnapshot {
  readonly tx: Transaction;
  /** The one that answers: every query needs `generation = …`. */
  readonly generation: number;
  readonly watermark: ProjectionWatermark;
}

export interface ReaderOptions {
  /** Connects as the service's app role. */
  readonly db: Database;
  /** The projection's name. */
  readonly projection: string;
  /** Of the runtime in this process. */
  readonly progress: ProjectionProgress;
  /** How long to wait for `minPosition`; 8 s unless told, below the 10 s that a call has by default. */
  readonly maxWaitMs?: number;
  /** A read replica of the database, asked first. */
  readonly standby?: StandbyOptions | undefined;
}

/**
 * A streaming replica that answers in the database's place, so that reports don't take from what writes. It is passed over
 * where it can't be reached, where it is behind what the answer must hold, and where it is `maxLagMs` behind while the
 * database is not.
 */
export interface StandbyOptions {
  readonly db: Database;
  /** 5 s unless told. */
  readonly maxLagMs?: number;
  readonly logger: Logger;
}

/** Another process moves the projection: look at its checkpoint this often. */
const pollMs = 25;
/** This process moves it and says so; the poll is a net. */
const pollHereMs = 500;
const retryAfterMs = 1_000;
/** Longer than the edge waits for the reader of a stream. */
const streamIdleMs = 90_000;
const usualStandbyLagMs = 5_000;
/** A standby that could not be reached is not tried for so long, since each try takes up to 2 s. */
const standbyRestMs = 10_000;
const unreachable = 'DATABASE_UNAVAILABLE';

interface CheckpointRow {
  readonly generation: number;
  readonly position: bigint | null;
  readonly completeTo: Date | null;
  readonly isStopped: boolean;
}

export function createProjectionReader({
  db,
  projection,
  progress,
  maxWaitMs = 8_000,
  standby,
}: ReaderOptions): ProjectionReader {
  const positions = shareWhileRunning(async (): Promise<ReadonlyMap<number, bigint>> => {
    const { rows } = await db.query<{ partition: number; position: bigint }>(
      `select c.partition, c.position
         from projection_checkpoints c join projection_generations g using (projection, generation)
        where projection = $1 and g.state = 'active'`,
      [projection],
    );
    return new Map(rows.map(({ partition, position }) => [partition, position]));
  });

  const waitUntilAt = async (partition: number, minPosition: bigint, signal: AbortSignal): Promise<void> => {
    const end = AbortSignal.any([signal, AbortSignal.timeout(maxWaitMs)]);
    while (progress.positionOf(projection, partition) < minPosition) {
      if (((await positions()).get(partition) ?? 0n) >= minPosition) return;
      const ms = progress.isWorkedHere(projection, partition) ? pollHereMs : pollMs;
      try {
        await progress.untilChanged(projection, partition, ms, end);
      } catch (error) {
        throw notCaughtUp(projection, error);
      }
    }
  };

  const readFrom = <T>(
    source: Database,
    { tenantId, partition, minPosition = 0n, isStreamed = false }: ReadRequest,
    accept: (watermark: ProjectionWatermark) => Promise<void>,
    answer: (snapshot: ProjectionSnapshot) => Promise<T>,
  ): Promise<T> =>
    source.withTenant(
      tenantId,
      async (tx) => {
        // The first statement of a repeatable-read transaction takes its snapshot.
        const { rows } = await tx.query<CheckpointRow>(
          {
            name: 'read projection checkpoint',
            text: `select g.generation, c.position, c.complete_to as "completeTo",
                          c.stopped_because is not null as "isStopped"
                     from projection_generations g
                     left join projection_checkpoints c
                       on c.partition = $2 and c.projection = g.projection and c.generation = g.generation
                    where g.projection = $1 and g.state = 'active'`,
          },
          [projection, partition],
        );
        const row = rows[0];
        if (row === undefined) throw notStarted(projection);
        const position = row.position ?? 0n;
        if (position < minPosition) throw notCaughtUp(projection);
        const completeTo = row.completeTo ?? new Date(0);
        const { isStopped } = row;
        const lagMs = progress.lagMs({ projection, partition, position, completeTo, isStopped });
        const watermark = { position, completeTo, lagMs };
        await accept(watermark);
        return answer({ tx, generation: row.generation, watermark });
      },
      {
        isolation: 'repeatable read',
        readOnly: true,
        byIndex: true,
        ...(isStreamed && { attempts: 1, idleMs: streamIdleMs }),
      },
    );

  let restsUntil = 0;
  /** Undefined: the standby did not answer, and the database must. */
  const readFromStandby = async <T>(
    { db: source, maxLagMs = usualStandbyLagMs, logger }: StandbyOptions,
    request: ReadRequest,
    answer: (snapshot: ProjectionSnapshot) => Promise<T>,
  ): Promise<{ readonly value: T } | undefined> => {
    const { partition } = request;
    let isAnswering = false;
    try {
      const value = await readFrom(
        source,
        request,
        async ({ position, lagMs }) => {
          if (lagMs > maxLagMs && (await isAhead(partition, position))) throw notCaughtUp(projection);
          isAnswering = true;
        },
        answer,
      );
      return { value };
    } catch (error) {
      const hasFailed =
        error instanceof DomainError && (error.kind === 'unavailable' || error.kind === 'aborted');
      // Of a stream a part may have been given away.
      if (!hasFailed || (isAnswering && request.isStreamed === true)) throw error;
      if (error.reason === unreachable) {
        restsUntil = performance.now() + standbyRestMs;
        logger.warn(
          { projection, restMs: standbyRestMs, error },
          'the standby does not answer; the database does',
        );
      }
      return undefined;
    }
  };
  const isAhead = async (partition: number, position: bigint): Promise<boolean> =>
    progress.positionOf(projection, partition) > position ||
    ((await positions()).get(partition) ?? 0n) > position;

  return {
    async read(request, answer) {
      const { partition, minPosition = 0n, isLive = false, signal } = request;
      await waitUntilAt(partition, minPosition, signal);
      if (standby !== undefined && !isLive && performance.now() >= restsUntil) {
        const answered = await readFromStandby(standby, request, answer);
        if (answered !== undefined) return answered.value;
      }
      return readFrom(db, request, async () => undefined, answer);
    },
  };
}

function notCaughtUp(projection: string, cause?: unknown): DomainError {
  return new DomainError('What was asked to be in the answer is not in it yet.', {
    kind: 'unavailable',
    reason: 'NOT_CAUGHT_UP',
    facts: { projection },
    retryAfterMs,
    cause,
  });
}

/** Callers that come while it runs share its outcome. */
function shareWhileRunning<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= work().finally(() => (running = undefined));
    return running;
  };
}
