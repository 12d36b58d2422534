import type { LogEvent, LogSource, RawSeal } from '@parley/event';
import type { NewEvent } from './events.ts';

/** A log in memory, with everything in one of its partitions. */
export interface SimulatedLog extends LogSource {
  append(events: readonly NewEvent[]): void;
  /** Announces how far a tenant's raw events expire. */
  seal(seal: RawSeal): void;
  /** Takes the bodies of what is sealed. */
  expire(): void;
  /** The highest seal that a reader has confirmed. */
  readonly confirmed: bigint;
  /** While it is unreachable every reader fails. */
  setReachable(isReachable: boolean): void;
  readonly head: bigint;
}

const heartbeatMs = 2_000;

export function createSimulatedLog(partition: number): SimulatedLog {
  const log: LogEvent[] = [];
  const waiting = new Set<() => void>();
  const seals = new Map<string, RawSeal>();
  let confirmedNumber = 0n;
  let isReachable = true;
  const wake = (): void => {
    for (const one of waiting) one();
  };
  const change = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        waiting.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, heartbeatMs);
      waiting.add(end);
      signal.addEventListener('abort', end, { once: true });
    });
  const requireReachable = (): void => {
    if (!isReachable) throw new Error('the log is unreachable');
  };
  return {
    get head() {
      return BigInt(log.length);
    },
    append(events) {
      for (const event of events) log.push({ ...event, offset: BigInt(log.length) + 1n });
      wake();
    },
    setReachable(value) {
      isReachable = value;
      wake();
    },
    async heads() {
      requireReachable();
      return new Map([[partition, BigInt(log.length)]]);
    },
    async seals({ confirmed }) {
      requireReachable();
      if (confirmed > confirmedNumber) confirmedNumber = confirmed;
      return [...seals.values()]
        .filter(({ number }) => number > confirmed)
        .sort((one, other) => Number(one.number - other.number));
    },
    seal: (seal) => seals.set(seal.tenantId, seal),
    expire() {
      for (const [index, event] of log.entries()) {
        const seal = seals.get(event.tenantId);
        if (seal !== undefined && event.receivedAt < seal.receivedBefore)
          log[index] = { ...event, body: undefined };
      }
    },
    get confirmed() {
      return confirmedNumber;
    },
    async *tail({ partition: asked, afterOffset, maxBatchSize, signal }) {
      for (let after = afterOffset; !signal.aborted;) {
        requireReachable();
        const events = asked === partition ? log.slice(Number(after), Number(after) + maxBatchSize) : [];
        after += BigInt(events.length);
        yield { events, headOffset: asked === partition ? BigInt(log.length) : 0n };
        if (events.length === 0) await change(signal);
      }
    },
  };
}
