import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf, eventKinds, nobody } from '@parley/event';
import type { Logger, Now } from '@parley/runtime';
import type { EventLog, NewEvent } from './event-log.ts';

export interface Ticker {
  /** Stops; resolves when no tick is being written any more. */
  close(): Promise<void>;
}

const MINUTE_MS = 60_000;

/**
 * Writes a tick into every partition: for the current minute now, then at the start of each minute. Any number of
 * processes may do so: a minute is kept once. Minutes in which nobody did are not made up for; the next tick says where
 * time is.
 */
export function startTicker(log: Pick<EventLog, 'append' | 'heads'>, now: Now, logger: Logger): Ticker {
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const tick = async (): Promise<void> => {
    const minute = new Date(Math.floor(now().getTime() / MINUTE_MS) * MINUTE_MS);
    try {
      const heads = await log.heads(closing.signal);
      await log.append(
        [...heads.keys()].map((partition) => tickOf(partition, minute)),
        closing.signal,
      );
    } catch (error) {
      if (!closing.signal.aborted) logger.warn({ error, minute }, 'a minute was not written to the log');
    }
  };
  let ticking = tick();
  const tickAtNextMinute = (): void => {
    timer = setTimeout(
      () => {
        ticking = ticking.then(tick);
        tickAtNextMinute();
      },
      MINUTE_MS - (now().getTime() % MINUTE_MS),
    );
  };
  tickAtNextMinute();

  return {
    close: async () => {
      clearTimeout(timer);
      closing.abort();
      await ticking;
    },
  };
}

/** The tick of a minute in a partition; the same whoever makes it. */
export function tickOf(partition: number, minute: Date): NewEvent {
  const eventId = `tick of partition ${partition} at ${minute.toISOString()}`;
  const body = toBinary(
    EventSchema,
    create(EventSchema, {
      eventId,
      occurredAt: timestampFromDate(minute),
      payload: { case: 'tick', value: { minute: timestampFromDate(minute) } },
    }),
  );
  return {
    partition,
    tenantId: nobody,
    kind: eventKinds.tick,
    eventKey: eventKeyOf(eventId),
    fingerprint: createHash('sha256').update(body).digest().readBigInt64BE(),
    occurredAt: minute,
    body,
    sameContentAs: () => true,
  };
}
