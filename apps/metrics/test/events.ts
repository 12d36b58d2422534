import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf, eventKinds, nobody } from '@parley/event';
import type { LogEvent } from '@parley/event';

type Payload = NonNullable<MessageInitShape<typeof EventSchema>['payload']>;

/** An event as ingestion would append it, with its place still to be given. */
export type NewEvent = Omit<LogEvent, 'offset'>;

export const tenantA = '0197a000-0000-7000-8000-00000000000a';
export const tenantB = '0197a000-0000-7000-8000-00000000000b';

export interface EventOptions {
  readonly id: string;
  readonly at: string | Date;
  readonly receivedAt?: string | Date;
  readonly tenantId?: string;
}

/** An event of that payload; received when it occurred unless said, of `tenantA` unless said. */
export function event(
  payload: Payload,
  { id, at, receivedAt = at, tenantId = tenantA }: EventOptions,
): NewEvent {
  const message = create(EventSchema, { eventId: id, occurredAt: timestampFromDate(new Date(at)), payload });
  const { case: name } = message.payload;
  if (name === undefined) throw new Error('An event needs a payload.');
  return {
    tenantId,
    kind: eventKinds[name === 'botPerformanceMetric' ? 'bot_performance_metric' : name],
    eventKey: eventKeyOf(id),
    occurredAt: new Date(at),
    receivedAt: new Date(receivedAt),
    body: toBinary(EventSchema, message),
  };
}

/** The events with offsets, as one partition of the log has them: received in this order. */
export function inOrder(events: readonly NewEvent[], after = 0n): readonly LogEvent[] {
  return events.map((one, index) => ({ ...one, offset: after + BigInt(index) + 1n }));
}

/** Time passes up to an instant. */
export function tickAt(at: Date): NewEvent {
  const id = `tick at ${at.toISOString()}`;
  return event({ case: 'tick', value: {} }, { id, at, tenantId: nobody });
}
