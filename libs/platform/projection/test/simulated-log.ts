import type { EventKindNumber, LogBatch, LogEvent, LogSource, RawSeal, TailOptions } from '@parley/event';
import { eventKeyOf, nobody } from '@parley/event';

/** What a test says of an event; the rest follows. */
export interface SimulatedEvent {
  readonly kind?: EventKindNumber;
  readonly text?: string;
  readonly receivedAt?: Date;
  readonly tenantId?: string;
}

/** An event log in memory, whose faults are at a test's command. */
export interface SimulatedLog extends LogSource {
  /** Appends and wakes whoever waits. Returns the offset of the last one. */
  append(partition: number, events: readonly SimulatedEvent[]): bigint;
  /** The text of every event of a partition, in order. */
  texts(partition: number): readonly string[];
  /** Loses the last events of a partition, as a failover without a quorum does. */
  lose(partition: number, count: number): void;
  /** Announces how far a tenant's raw events expire, in place of what was announced of it before. */
  seal(seal: RawSeal): void;
  /** What each reader has confirmed. */
  readonly confirmed: ReadonlyMap<string, bigint>;
  /** Takes the bodies of a tenant's events up to an offset. */
  expire(seal: Pick<RawSeal, 'partition' | 'tenantId' | 'throughOffset'>): void;
  /** Drops events up to an offset, as with their month. */
  drop(partition: number, throughOffset: bigint): void;
  /** While it is down, calls fail and open streams break. */
  setDown(isDown: boolean): void;
  /** How many streams were begun. */
  readonly tailCount: () => number;
}

const heartbeatMs = 100;

export function createSimulatedLog({
  partitionCount = 1,
  now = () => new Date(),
}: { partitionCount?: number; now?: () => Date } = {}): SimulatedLog {
  const partitions = new Map<number, LogEvent[]>(
    Array.from({ length: partitionCount }, (_, partition) => [partition, []]),
  );
  const waiting = new Set<() => void>();
  const seals = new Map<string, RawSeal>();
  const confirmations = new Map<string, bigint>();
  const dropped = new Map<number, bigint>();
  let isDown = false;
  let tailCount = 0;

  const eventsOf = (partition: number): LogEvent[] => {
    const events = partitions.get(partition);
    if (events === undefined) throw new Error(`no partition ${partition}`);
    return events;
  };
  const wakeAll = () => {
    for (const wake of [...waiting]) wake();
  };
  const failIfDown = () => {
    if (isDown) throw new Error('the log is down');
  };
  const untilWoken = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, heartbeatMs);
      waiting.add(wake);
      signal.addEventListener('abort', wake);
    });

  return {
    append(partition, added) {
      const events = eventsOf(partition);
      for (const { kind = 1, text = '', receivedAt = now(), tenantId = nobody } of added) {
        const offset = BigInt(events.length + 1);
        events.push({
          offset,
          tenantId,
          kind,
          eventKey: eventKeyOf(`${partition}/${offset}`),
          occurredAt: receivedAt,
          receivedAt,
          body: Buffer.from(text),
        });
      }
      wakeAll();
      return BigInt(events.length);
    },
    texts: (partition) => eventsOf(partition).map(({ body }) => Buffer.from(body ?? []).toString()),
    lose(partition, count) {
      eventsOf(partition).splice(-count);
    },
    seal(seal) {
      seals.set(seal.tenantId, seal);
    },
    confirmed: confirmations,
    expire({ partition, tenantId, throughOffset }) {
      const events = eventsOf(partition);
      for (const [index, event] of events.entries()) {
        if (event.tenantId !== tenantId || event.offset > throughOffset) continue;
        events[index] = { ...event, body: undefined };
      }
    },
    drop(partition, throughOffset) {
      dropped.set(partition, throughOffset);
    },
    setDown(value) {
      isDown = value;
      wakeAll();
    },
    tailCount: () => tailCount,

    seals: async ({ reader, confirmed }) => {
      failIfDown();
      const before = confirmations.get(reader) ?? 0n;
      confirmations.set(reader, confirmed > before ? confirmed : before);
      return [...seals.values()]
        .filter(({ number }) => number > confirmed)
        .sort((one, other) => Number(one.number - other.number));
    },
    heads: async () => {
      failIfDown();
      return new Map([...partitions].map(([partition, events]) => [partition, BigInt(events.length)]));
    },
    async *tail({ partition, afterOffset, maxBatchSize, signal }: TailOptions): AsyncGenerator<LogBatch> {
      tailCount += 1;
      const events = eventsOf(partition);
      for (let after = Number(afterOffset); !signal.aborted;) {
        failIfDown();
        after = Math.max(after, Number(dropped.get(partition) ?? 0n));
        const batch = events.slice(after, after + maxBatchSize);
        if (batch.length === 0) await untilWoken(signal);
        failIfDown();
        if (signal.aborted) return;
        const some = events.slice(after, after + maxBatchSize);
        after += some.length;
        yield { events: some, headOffset: BigInt(events.length) };
      }
    },
  };
}
