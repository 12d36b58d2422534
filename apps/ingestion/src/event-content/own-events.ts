import { create, toBinary } from '@bufbuild/protobuf';
import { ConsentScope, EventSchema } from '@parley/contracts/parley/ingestion/v1/event';

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
