import type { Now } from '@parley/runtime';

/** What a process knows of how far the log and its projections are, without asking. */
export interface ProjectionProgress {
  /** The log's last offset, as last heard; undefined before it was heard for the first time. */
  headOf(partition: number): bigint | undefined;
  /** How far the generation that answers is at least; 0 when nothing is known. */
  positionOf(projection: string, partition: number): bigint;
  /** Whether this process is the one that moves it. */
  isWorkedHere(projection: string, partition: number): boolean;
  /** How long the oldest event that is committed but not in an answer has been waiting; 0 when there is none. */
  lagMs(answer: Reach): number;
  /** Ends when the projection moves in the partition, else after `ms`; rejects when the signal is aborted. */
  untilChanged(projection: string, partition: number, ms: number, signal: AbortSignal): Promise<void>;
}

/** How far an answer reaches. */
export interface Reach {
  readonly projection: string;
  readonly partition: number;
  readonly position: bigint;
  readonly completeTo: Date;
  /** Whether the partition is stopped because the log does not have what was taken. */
  readonly isStopped: boolean;
}

/** What the runtime tells. */
export interface ProgressBoard extends ProjectionProgress {
  /** The log's last offset, as just read. */
  heard(partition: number, headOffset: bigint): void;
  /** The event after `position` has come to this process. */
  received(projection: string, partition: number, position: bigint, receivedAt: Date): void;
  /** The generation that answers is there. */
  reached(projection: string, partition: number, position: bigint): void;
  worksHere(projection: string, partition: number, isWorkedHere: boolean): void;
}

/** A head older than this says little: the log writes a heartbeat every few seconds. */
const freshMs = 15_000;

interface Place {
  position: bigint;
  isWorkedHere: boolean;
  /** When the event after `after` was received. */
  next: { readonly after: bigint; readonly receivedAt: Date } | undefined;
  readonly waiting: Set<() => void>;
}

export function createProgressBoard(now: Now): ProgressBoard {
  const heads = new Map<number, { offset: bigint; heardAt: number }>();
  const places = new Map<string, Place>();

  const placeOf = (projection: string, partition: number): Place => {
    const key = `${projection}/${partition}`;
    const place = places.get(key) ?? {
      position: 0n,
      isWorkedHere: false,
      next: undefined,
      waiting: new Set(),
    };
    places.set(key, place);
    return place;
  };

  return {
    headOf: (partition) => heads.get(partition)?.offset,
    positionOf: (projection, partition) => placeOf(projection, partition).position,
    isWorkedHere: (projection, partition) => placeOf(projection, partition).isWorkedHere,

    lagMs({ projection, partition, position, completeTo, isStopped }) {
      const at = now().getTime();
      const head = heads.get(partition);
      if (head === undefined || isStopped) return Math.max(0, at - completeTo.getTime());
      if (head.offset > position) {
        const { next } = placeOf(projection, partition);
        // Where the next event's receipt isn't known, that of the last one is the nearest time before it.
        const since = next?.after === position ? next.receivedAt : completeTo;
        return Math.max(0, at - since.getTime());
      }
      const silence = at - head.heardAt;
      return silence > freshMs ? silence : 0;
    },

    untilChanged: (projection, partition, ms, signal) =>
      new Promise((resolve, reject) => {
        const { waiting } = placeOf(projection, partition);
        const end = (settle: () => void) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          waiting.delete(onChange);
          settle();
        };
        const onChange = () => end(resolve);
        const onAbort = () => end(() => reject(new Error('aborted', { cause: signal.reason })));
        const timer = setTimeout(onChange, ms);
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.add(onChange);
        if (signal.aborted) onAbort();
      }),

    heard(partition, headOffset) {
      const head = heads.get(partition);
      // What is read first may be heard last.
      const offset = head === undefined || head.offset < headOffset ? headOffset : head.offset;
      heads.set(partition, { offset, heardAt: now().getTime() });
    },
    received(projection, partition, position, receivedAt) {
      placeOf(projection, partition).next = { after: position, receivedAt };
    },
    reached(projection, partition, position) {
      const place = placeOf(projection, partition);
      if (position <= place.position) return;
      place.position = position;
      for (const wake of [...place.waiting]) wake();
    },
    worksHere(projection, partition, isWorkedHere) {
      placeOf(projection, partition).isWorkedHere = isWorkedHere;
    },
  };
}
