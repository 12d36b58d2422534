import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf } from '@parley/event';
import { subjectsOf } from './event-subjects.ts';

/** Whom and what an event's bytes name. */
export interface Named {
  readonly memberId: string;
  readonly userId: string;
  /** The key of the interaction that they are about. */
  readonly interactionKey: string | undefined;
  /** The key of the conversion that they are about. */
  readonly conversionKey: string | undefined;
}

/** Undefined for bytes that can't be read, or are about nobody. */
export function namedIn(body: Uint8Array): Named | undefined {
  try {
    const subjects = subjectsOf(fromBinary(EventSchema, body));
    if (subjects === undefined) return undefined;
    const { memberId, userId, interactionId, conversionId } = subjects;
    return {
      memberId,
      userId,
      interactionKey: interactionId === '' ? undefined : eventKeyOf(interactionId),
      conversionKey: conversionId === '' ? undefined : eventKeyOf(conversionId),
    };
  } catch {
    // That they can't be read may be why nobody could take them.
    return undefined;
  }
}

/** Whether bytes that are no event hold a text as protobuf writes it: after its length. */
export function holdsText(bytes: Uint8Array, text: string): boolean {
  const needle = Buffer.from(text);
  const length = needle.length < 128 ? [needle.length] : [(needle.length & 0x7f) | 0x80, needle.length >> 7];
  return Buffer.from(bytes).includes(Buffer.concat([Uint8Array.from(length), needle]));
}
