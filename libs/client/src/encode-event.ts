import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { EventIdentity, ReportedKind } from './event-input.ts';

type Payload = NonNullable<MessageInitShape<typeof EventSchema>['payload']>;

/** Fields that hold what people or bots wrote, by kind. */
const contentFields: Partial<Record<ReportedKind, readonly string[]>> = {
  interaction: ['messageText', 'responseText'],
  completion: ['responseText'],
  conversion: ['triggerMessage', 'botMessage'],
  feedback: ['comment'],
};

/** Whole numbers that the contract holds in 64 bits, by kind. */
const integerFields: Partial<Record<ReportedKind, readonly string[]>> = {
  interaction: ['responseTimeMs'],
  completion: ['responseTimeMs'],
  botPerformanceMetric: ['sampleSize'],
};

/**
 * The contract's message of what a caller said. `contentMode` off leaves out what people and bots wrote. Throws where a
 * value is of the wrong type; everything else is the service's to judge.
 */
export function toEvent(
  kind: ReportedKind,
  eventId: string,
  { eventId: _, occurredAt, ...input }: EventIdentity,
  { nowMs, contentMode }: { readonly nowMs: number; readonly contentMode: 'full' | 'off' },
): Event {
  const value: Record<string, unknown> = { ...input };
  for (const name of integerFields[kind] ?? []) {
    const number = value[name];
    if (typeof number === 'number') value[name] = BigInt(Math.round(number));
  }
  if (contentMode === 'off') {
    for (const name of contentFields[kind] ?? []) value[name] = undefined;
  }
  return create(EventSchema, {
    eventId,
    occurredAt: timestampFromMs(occurredAt?.getTime() ?? nowMs),
    payload: { case: kind, value } as Payload,
  });
}

/** Its bytes. Throws where it can't be written: a text that is none, NUL in a text, a number that is not finite. */
export function encodeEvent(event: Event): Uint8Array {
  return toBinary(EventSchema, event);
}
