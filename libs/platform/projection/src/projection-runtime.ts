import { availableParallelism } from 'node:os';
import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { LogSource } from '@parley/event';
import type { Logger, Now } from '@parley/runtime';
import { sleep } from '@parley/runtime';
import type { Checkpoint, CheckpointKey, Lease } from './checkpoints.ts';
import {
  addCheckpoints,
  arePast,
  listCheckpoints,
  releaseLeases,
  renewLeases,
  takeLeases,
} from './checkpoints.ts';
import type { VerificationRange } from './compare-generations.ts';
import { createOutage } from './failures.ts';
import type { Failpoint, FoldDependencies } from './fold-events.ts';
import type { Generation } from './generations.ts';
import {
  addGeneration,
  emptyGeneration,
  listGenerations,
  retireGeneration,
  switchGenerations,
} from './generations.ts';
import type { ParkedEvent, ParkedEventKey } from './parked-events.ts';
import { listParkedEvents } from './parked-events.ts';
import type { PartitionWorker } from './partition-worker.ts';
import { startPartitionWorker } from './partition-worker.ts';
import type { ProjectionProgress } from './progress.ts';
import { createProgressBoard } from './progress.ts';
import type { Projection } from './projection.ts';
import type { ProjectionStatus } from './projection-status.ts';
import { listProjectionStatus } from './projection-status.ts';
import type { RebuildStep } from './rebuild-projection.ts';
import { rebuildProjection } from './rebuild-projection.ts';
import type { ReplayOutcome } from './replay-parked-events.ts';
import { replayParkedEvents } from './replay-parked-events.ts';
import { isPastSeal } from './seeding.ts';
import type { Slots } from './slots.ts';
import { createSlots } from './slots.ts';
import { verifyNightly } from './nightly.ts';
import type { NightlyOptions } from './nightly.ts';
import { listNights } from './verifications.ts';
import type { NightlyVerification } from './verifications.ts';
import type { VerificationStep } from './verify-projection.ts';
import { verifyProjection } from './verify-projection.ts';

export interface ProjectionRuntimeOptions {
  /** Connects as the service's worker role; needs 10 connections. */
  readonly db: Database;
  readonly source: LogSource;
  /** Of one service, so in one schema. */
  readonly projections: readonly Projection[];
  /** Names this process in the leases; no two that run at once may share it. */
  readonly holder: string;
  readonly now: Now;
  readonly logger: Logger;
  /** Events in one transaction at most, 1 to 5,000; 5,000 unless told. */
  readonly batchSize?: number;
  /** After how long others take over from a process that is gone without a word; 10 s unless told. */
  readonly leaseMs?: number;
  /** How often it asks which raw events are to expire, and confirms that it has passed them; 5 s unless told. */
  readonly sealsMs?: number;
  /** When to verify every projection each night; never unless told. Needs the tables of `projectionVerificationMigration`. */
  readonly nightly?: NightlyOptions | undefined;
  /** In [0, 1); spreads the retries. */
  readonly random?: () => number;
  /** For tests that end the process, or let it fail, in the middle of a fold. */
  readonly reachFailpoint?: (failpoint: Failpoint, at: CheckpointKey) => Promise<void> | void;
}

/**
 * Drives the projections of one service: takes leases, reads the log, folds, moves the checkpoints. Any number of
 * processes may run the same projections; each partition of each generation is moved by one of them.
 */
export interface ProjectionRuntime {
  /** How far this process knows the projections to be; for `createProjectionReader`. */
  readonly progress: ProjectionProgress;
  /** Begins to work. Neither the log nor the database need be there yet: it tries until they are. */
  start(): void;
  /** Lets the folds in progress end, gives the leases back and stops. */
  close(): Promise<void>;

  /** How far each projection is, in the order of their names. */
  list(): Promise<readonly ProjectionStatus[]>;
  /** See `verifyProjection`; of everything, unless a range is told. */
  verify(
    name: string,
    signal: AbortSignal,
    range?: VerificationRange,
  ): AsyncGenerator<VerificationStep, void, void>;
  /** What the verifications at night have found, the latest first; of one projection or, without a name, of all. */
  listNights(name: string | undefined, limit: number): Promise<readonly NightlyVerification[]>;
  /** See `rebuildProjection`. */
  rebuild(name: string, signal: AbortSignal): AsyncGenerator<RebuildStep, void, void>;
  /** Parked events of one projection or, without a name, of all; the latest first. */
  listParked(page: ParkedEventPage): Promise<readonly ParkedEvent[]>;
  /** See `replayParkedEvents`. */
  replayParked(name: string, signal: AbortSignal): Promise<ReplayOutcome>;
  /**
   * Whether nothing that is computed here holds less of a partition than the event at an offset: every generation of every
   * projection has taken it, and no older rows are left to be deleted.
   */
  isPast(partition: number, offset: bigint): Promise<boolean>;
  /** Whether it drives a projection of that name; every other method throws `not-found` where it doesn't. */
  has(name: string): boolean;
}

export interface ParkedEventPage {
  readonly name?: string | undefined;
  /** The last one of the page before. */
  readonly after?: ParkedEventKey | undefined;
  readonly limit: number;
}

/**
 * Folds at once: each keeps this thread and a backend of Postgres busy by turns, so more than one for two cores only takes
 * them from those who wait for an answer. (On two cores, four at a time cost ingestion a third of its rate, and replayed
 * no faster.)
 */
const foldsAtOnce = Math.max(1, Math.floor(availableParallelism() / 2));
/** The same for what is computed beside, so that it holds up no answers. */
const foldsBeside = 2 * foldsAtOnce;
const lookMs = 1_000;
const headsMs = 5_000;
/** Events by which a generation may be behind in a partition when it tries to take over. */
const nearlyThere = 5_000n;

export function createProjectionRuntime(options: ProjectionRuntimeOptions): ProjectionRuntime {
  return new Runtime(options);
}

/** What is in the database at the moment. */
interface Found {
  readonly generations: readonly Generation[];
  readonly checkpoints: readonly Checkpoint[];
}

class Runtime implements ProjectionRuntime {
  readonly progress;
  readonly #options: ProjectionRuntimeOptions;
  readonly #projections: ReadonlyMap<string, Projection>;
  readonly #batchSize: number;
  readonly #leaseMs: number;
  readonly #random: () => number;
  readonly #sourceOutage;
  readonly #databaseOutage;
  readonly #slots = createSlots(foldsAtOnce);
  readonly #slotsBeside = createSlots(foldsBeside);
  readonly #closing = new AbortController();
  readonly #workers = new Map<string, PartitionWorker>();
  /** Those of verifications in this process. */
  readonly #heldLeases = new Set<Lease>();
  /** The generation of each projection that answers, as last seen. */
  readonly #active = new Map<string, number>();
  readonly #toldNewer = new Set<string>();
  #heads: ReadonlyMap<number, bigint> = new Map();
  #headsHeardAt = -Infinity;
  #sealsHeardAt = -Infinity;
  /** Of each projection, the seal up to which this process has confirmed. */
  readonly #confirmed = new Map<string, bigint>();
  #renewedAt = -Infinity;
  #keeping: Promise<void> | undefined;
  #verifying: Promise<void> | undefined;
  #emptying: Promise<void> | undefined;

  constructor(options: ProjectionRuntimeOptions) {
    this.#options = options;
    this.#projections = new Map(options.projections.map((projection) => [projection.name, projection]));
    this.#batchSize = options.batchSize ?? 5_000;
    this.#leaseMs = options.leaseMs ?? 10_000;
    this.#random = options.random ?? Math.random;
    this.#sourceOutage = createOutage(options.logger, 'the event log');
    this.#databaseOutage = createOutage(options.logger, 'the database of the projections');
    this.progress = createProgressBoard(options.now);
  }

  start(): void {
    this.#keeping ??= this.#keep();
    this.#verifying ??= this.#verifyNightly();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The projections are closing.'));
    await this.#keeping;
    await this.#verifying;
    await this.#emptying;
    const workers = [...this.#workers.values()];
    await Promise.all(workers.map((worker) => worker.stop()));
    const leases = workers.map(({ lease }) => lease);
    try {
      if (leases.length > 0) await releaseLeases(this.#options.db, leases);
    } catch (error) {
      this.#options.logger.warn({ error }, 'leases were not given back; they will expire');
    }
  }

  has(name: string): boolean {
    return this.#projections.has(name);
  }

  list(): Promise<readonly ProjectionStatus[]> {
    return listProjectionStatus(this.#options.db, this.#options.projections, this.progress);
  }

  verify(
    name: string,
    signal: AbortSignal,
    range: VerificationRange = {},
  ): AsyncGenerator<VerificationStep, void, void> {
    const { source, holder } = this.#options;
    const dependencies = {
      ...this.#foldDependencies(this.#get(name)),
      source,
      holder,
      batchSize: this.#batchSize,
      slots: this.#slotsBeside,
      heldLeases: this.#heldLeases,
      range,
    };
    return verifyProjection(dependencies, AbortSignal.any([signal, this.#closing.signal]));
  }

  rebuild(name: string, signal: AbortSignal): AsyncGenerator<RebuildStep, void, void> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    return rebuildProjection(this.#options.db, this.#get(name), this.progress, either);
  }

  async listNights(name: string | undefined, limit: number): Promise<readonly NightlyVerification[]> {
    const names = name === undefined ? [...this.#projections.keys()] : [this.#get(name).name];
    return listNights(this.#options.db, names, limit);
  }

  async listParked({ name, after, limit }: ParkedEventPage): Promise<readonly ParkedEvent[]> {
    const names = name === undefined ? [...this.#projections.keys()] : [this.#get(name).name];
    return listParkedEvents(this.#options.db, names, { after, limit });
  }

  async replayParked(name: string, signal: AbortSignal): Promise<ReplayOutcome> {
    const { db, source } = this.#options;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    return replayParkedEvents({ db, projection: this.#get(name), source }, either);
  }

  isPast(partition: number, offset: bigint): Promise<boolean> {
    return arePast(this.#options.db, [...this.#projections.keys()], partition, offset);
  }

  #get(name: string): Projection {
    const projection = this.#projections.get(name);
    if (projection === undefined) throw noProjection(name);
    return projection;
  }

  async #verifyNightly(): Promise<void> {
    const { nightly, db, holder, now, logger } = this.#options;
    if (nightly === undefined) return;
    const projections = [...this.#projections.keys()];
    const verify = (name: string, signal: AbortSignal) => this.verify(name, signal);
    await verifyNightly({ ...nightly, db, projections, holder, now, logger, verify }, this.#closing.signal);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    const everyMs = Math.min(lookMs, this.#leaseMs / 5);
    while (!signal.aborted) {
      try {
        await this.#look();
        this.#databaseOutage.ended('leases');
      } catch (error) {
        if (!signal.aborted) this.#databaseOutage.began('leases', error);
      }
      // Not in step with the other processes.
      await sleep(everyMs * (0.5 + this.#random() / 2), signal).catch(() => undefined);
    }
  }

  /** Looks at what others have done and at what there is to do. */
  async #look(): Promise<void> {
    await this.#hearHeads();
    await this.#renew();
    let found = await this.#find();
    if ((await this.#addGenerations(found)) || (await this.#addCheckpoints(found)))
      found = await this.#find();
    this.#stopLostWorkers(found);
    await this.#startWorkers(found);
    this.#tellProgress(found);
    await this.#switchGenerations(found);
    await this.#retireAbandoned(found);
    this.#emptyRetired(found);
    await this.#confirmSeals();
  }

  async #find(): Promise<Found> {
    const names = [...this.#projections.keys()];
    const generations = await listGenerations(this.#options.db, names);
    return { generations, checkpoints: await listCheckpoints(this.#options.db, names) };
  }

  async #hearHeads(): Promise<void> {
    if (performance.now() - this.#headsHeardAt < headsMs) return;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(headsMs)]);
    try {
      this.#heads = await this.#options.source.heads(signal);
      this.#headsHeardAt = performance.now();
      for (const [partition, head] of this.#heads) this.progress.heard(partition, head);
      this.#sourceOutage.ended('heads');
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#sourceOutage.began('heads', error);
    }
  }

  /** Lets raw events expire that no generation needs any more. */
  async #confirmSeals(): Promise<void> {
    const { db, source, sealsMs = 5_000 } = this.#options;
    if (performance.now() - this.#sealsHeardAt < sealsMs) return;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(headsMs)]);
    try {
      for (const reader of this.#projections.keys()) {
        const before = this.#confirmed.get(reader) ?? 0n;
        let confirmed = before;
        for (const seal of await source.seals({ reader, confirmed, signal })) {
          if (!(await isPastSeal(db, reader, seal))) break;
          confirmed = seal.number;
        }
        if (confirmed === before) continue;
        await source.seals({ reader, confirmed, signal });
        this.#confirmed.set(reader, confirmed);
      }
      this.#sealsHeardAt = performance.now();
      this.#sourceOutage.ended('seals');
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#sourceOutage.began('seals', error);
    }
  }

  async #renew(): Promise<void> {
    if (performance.now() - this.#renewedAt < this.#leaseMs / 3) return;
    const leases = [...[...this.#workers.values()].map(({ lease }) => lease), ...this.#heldLeases];
    if (leases.length > 0) await renewLeases(this.#options.db, leases, this.#leaseMs);
    this.#renewedAt = performance.now();
  }

  /** A projection's first generation, or one for code that is newer than its rows. */
  async #addGenerations({ generations }: Found): Promise<boolean> {
    const { db, logger } = this.#options;
    let isChanged = false;
    for (const { name, version } of this.#projections.values()) {
      const own = generations.filter(({ projection }) => projection === name);
      const active = own.find(({ state }) => state === 'active');
      const building = own.find(({ state }) => state === 'building');
      if (Math.max(active?.version ?? -1, building?.version ?? -1) >= version) {
        this.#tellNewer(name, active);
        continue;
      }
      if (building !== undefined) await retireGeneration(db, name, building.generation);
      const state = active === undefined ? 'active' : 'building';
      const generation = await addGeneration(db, { projection: name, version, state });
      logger.info({ projection: name, version, generation, state }, 'a generation is begun');
      isChanged = true;
    }
    return isChanged;
  }

  #tellNewer(name: string, active: Generation | undefined): void {
    if (active === undefined || this.#isForUs(active) || this.#toldNewer.has(name)) return;
    this.#toldNewer.add(name);
    this.#options.logger.warn(
      { projection: name, version: active.version },
      'the rows are of newer code than this, which leaves them alone',
    );
  }

  async #addCheckpoints({ generations, checkpoints }: Found): Promise<boolean> {
    const there = new Set(checkpoints.map(nameOf));
    const missing = generations
      .filter((generation) => this.#isForUs(generation))
      .flatMap((generation) => [...this.#heads.keys()].map((partition) => ({ ...generation, partition })))
      .filter((key) => !there.has(nameOf(key)));
    if (missing.length > 0) await addCheckpoints(this.#options.db, missing);
    return missing.length > 0;
  }

  /**
   * Rows that answer are moved also by code newer than they are, until their successor takes over; answers would stand
   * still meanwhile. What is being built is left to the code for which it is built.
   */
  #isForUs({ projection, version, state }: Generation): boolean {
    const own = this.#projections.get(projection)?.version ?? -1;
    return state === 'active' ? version <= own : state === 'building' && version === own;
  }

  /** The fence holds them off anyway, but only when there is something to fold. */
  #stopLostWorkers({ checkpoints }: Found): void {
    const tokens = new Map(checkpoints.map((checkpoint) => [nameOf(checkpoint), checkpoint.token]));
    for (const [name, worker] of this.#workers) {
      if (tokens.get(name) !== worker.lease.token) void worker.stop();
    }
  }

  async #startWorkers({ generations, checkpoints }: Found): Promise<void> {
    const { db, holder } = this.#options;
    const states = new Map(
      generations.filter((g) => this.#isForUs(g)).map((g) => [`${g.projection}/${g.generation}`, g.state]),
    );
    const stateOf = ({ projection, generation }: CheckpointKey) => states.get(`${projection}/${generation}`);
    const free = checkpoints.filter(
      (key) =>
        key.isFree &&
        key.stoppedBecause === null &&
        stateOf(key) !== undefined &&
        !this.#workers.has(nameOf(key)),
    );
    if (free.length === 0) return;
    for (const checkpoint of await takeLeases(db, free, { holder, leaseMs: this.#leaseMs })) {
      this.#startWorker(checkpoint, stateOf(checkpoint) === 'building' ? this.#slotsBeside : this.#slots);
    }
  }

  #startWorker(checkpoint: Checkpoint, slots: Slots): void {
    const { projection: name, generation, partition } = checkpoint;
    const projection = this.#projections.get(name);
    if (projection === undefined) return;
    const isActive = () => this.#active.get(name) === generation;
    const worker = startPartitionWorker({
      ...this.#foldDependencies(projection),
      source: this.#options.source,
      checkpoint,
      batchSize: this.#batchSize,
      slots,
      random: this.#random,
      sourceOutage: this.#sourceOutage,
      databaseOutage: this.#databaseOutage,
      onHead: (head) => this.progress.heard(partition, head),
      onReceived: (position, receivedAt) => {
        if (isActive()) this.progress.received(name, partition, position, receivedAt);
      },
      onReached: (position) => {
        if (isActive()) this.progress.reached(name, partition, position);
      },
      onEnd: () => {
        if (this.#workers.get(nameOf(checkpoint)) === worker) this.#workers.delete(nameOf(checkpoint));
      },
    });
    this.#workers.set(nameOf(checkpoint), worker);
  }

  #foldDependencies(projection: Projection): FoldDependencies {
    const { db, logger, reachFailpoint = () => undefined } = this.#options;
    return { db, projection, leaseMs: this.#leaseMs, logger, reachFailpoint };
  }

  #tellProgress({ generations, checkpoints }: Found): void {
    for (const { projection, generation, state } of generations) {
      if (state === 'active') this.#active.set(projection, generation);
    }
    for (const checkpoint of checkpoints) {
      const { projection, generation, partition, position } = checkpoint;
      if (this.#active.get(projection) !== generation) continue;
      this.progress.worksHere(projection, partition, this.#workers.has(nameOf(checkpoint)));
      this.progress.reached(projection, partition, position);
    }
  }

  async #switchGenerations({ generations, checkpoints }: Found): Promise<void> {
    const { db, logger } = this.#options;
    for (const { projection, generation, state, version } of generations) {
      if (state !== 'building' || !this.#isForUs({ projection, generation, state, version })) continue;
      const behind = (partition: number): bigint => {
        const name = nameOf({ projection, generation, partition });
        const own = checkpoints.find((checkpoint) => nameOf(checkpoint) === name);
        return (this.#heads.get(partition) ?? 0n) - (own?.position ?? 0n);
      };
      if ([...this.#heads.keys()].some((partition) => behind(partition) > nearlyThere)) continue;
      if (await switchGenerations(db, projection, this.#heads, sleep)) {
        this.#active.set(projection, generation);
        logger.info({ projection, generation, version }, 'a generation has taken over');
      }
    }
  }

  /** Verifications whose process is gone; one that is still there renews its leases. */
  async #retireAbandoned({ generations, checkpoints }: Found): Promise<void> {
    for (const { projection, generation, state } of generations) {
      if (state !== 'verifying') continue;
      const own = checkpoints.filter((c) => c.projection === projection && c.generation === generation);
      // Read a moment later than the generations, so none can mean that it has just ended.
      if (own.length === 0 || own.some(({ isFree }) => !isFree)) continue;
      await retireGeneration(this.#options.db, projection, generation);
      this.#options.logger.warn({ projection, generation }, 'an abandoned verification is cleaned up');
    }
  }

  /** In the background, since it can take long. */
  #emptyRetired({ generations }: Found): void {
    const { db, logger } = this.#options;
    const retired = generations.filter(({ state }) => state === 'retired');
    if (this.#emptying !== undefined || retired.length === 0) return;
    this.#emptying = (async () => {
      for (const { projection, generation } of retired) {
        const tables = this.#projections.get(projection)?.tables.map(({ name }) => name) ?? [];
        await emptyGeneration(db, { projection, generation, tables }, this.#closing.signal);
        logger.info({ projection, generation }, 'the rows of a retired generation are deleted');
      }
    })()
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          logger.warn({ error }, 'old rows are not deleted yet, trying again');
      })
      .finally(() => (this.#emptying = undefined));
  }
}

function nameOf({ projection, generation, partition }: CheckpointKey): string {
  return `${projection}/${generation}/${partition}`;
}

/** Told when nothing drives a projection of that name. */
export function noProjection(name: string): DomainError {
  return new DomainError(`There is no projection ${JSON.stringify(name)}.`, {
    kind: 'not-found',
    reason: 'PROJECTION_NOT_FOUND',
  });
}
