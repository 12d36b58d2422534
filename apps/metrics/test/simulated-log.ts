import type { LogEvent, LogSource } from '@parley/event';
import type { NewEvent } from './events.ts';

/** A log in memory, with everything in one of its partitions. */
export interface SimulatedLog extends LogSource {
  append(events: readonly NewEvent[]): void;
  /** While it is unreachable every reader fails. */
  setReachable(isReachable: boolean): void;
  readonly head: bigint;
}

const heartbeatMs = 2_000;

export function createSimulatedLog(partition: number): SimulatedLog {
  const log: LogEvent[] = [];
  const waiting = new Set<() => void>();
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
