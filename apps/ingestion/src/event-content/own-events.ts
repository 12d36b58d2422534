import { create, toBinary } from '@bufbuild/protobuf';
import { ConsentScope, EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { packEventKeys } from '@parley/event';
import type { EventKeys } from '@parley/event';

const scopeNumbers = {
  member: ConsentScope.MEMBER,
  group: ConsentScope.GROUP,
  tenant: ConsentScope.TENANT,
} as const;

/** The bytes of an event that says whether somebody may be stored. */
export function consentEvent(
  eventId: string,
  consent: {
    readonly scope: keyof typeof scopeNumbers;
    readonly subjectId: string;
    readonly isAllowed: boolean;
  },
): Uint8Array {
  const { scope, subjectId, isAllowed: allowed } = consent;
  const value = { scope: scopeNumbers[scope], subjectId, allowed };
  return toBinary(EventSchema, create(EventSchema, { eventId, payload: { case: 'consent', value } }));
}

/** What an erasure says of its member, while it is under way. */
export interface ErasureContent {
  readonly receiptId: string;
  readonly memberHash: Uint8Array;
  readonly memberIds: readonly string[];
  readonly userIds: readonly string[];
  readonly events: EventKeys;
  /** From 1. */
  readonly part: number;
  readonly partCount: number;
}

/** The id of the event that is a part of an erasure. */
export function erasureEventId(receiptId: string, part: number): string {
  return `${receiptId}/${part}`;
}

/** The bytes of an event by which everybody erases a member. */
export function erasureEvent({ memberIds, events, ...content }: ErasureContent): Uint8Array {
  const [memberId = '', ...memberAliases] = memberIds;
  const { interactionKeys, eventKeys } = packEventKeys(events);
  return toBinary(
    EventSchema,
    create(EventSchema, {
      eventId: erasureEventId(content.receiptId, content.part),
      payload: {
        case: 'erasure',
        value: {
          ...content,
          memberId,
          memberAliases,
          userIds: [...content.userIds],
          memberHash: Uint8Array.from(content.memberHash),
          interactionKeys: Uint8Array.from(interactionKeys),
          eventKeys: Uint8Array.from(eventKeys),
        },
      },
    }),
  );
}

/** What the log keeps of such an event once the erasure is complete. */
export function completeErasureEvent(receiptId: string, memberHash: Uint8Array): Uint8Array {
  const value = { receiptId, memberHash: Uint8Array.from(memberHash) };
  return toBinary(EventSchema, create(EventSchema, { payload: { case: 'erasure', value } }));
}
