import { ConsentScope } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf } from '@parley/event';
import { subjectsOf } from '../event-content/event-subjects.ts';
import type { NewReference } from '../storage/reference-store.ts';

type Reference = Pick<NewReference, 'memberId' | 'userId' | 'subjectKey'>;

/**
 * Whom and what an event is about; undefined for one that is about nobody, and for interactions and completions, which
 * have tables by which they are found.
 */
export function referenceOf(event: Event): Reference | undefined {
  const { payload } = event;
  if (payload.case === 'interaction' || payload.case === 'completion') return undefined;
  if (payload.case === 'consent') {
    const { scope, subjectId } = payload.value;
    if (scope !== ConsentScope.MEMBER) return undefined;
    return { memberId: subjectId, userId: undefined, subjectKey: undefined };
  }
  const subjects = subjectsOf(event);
  if (subjects === undefined) return undefined;
  const { memberId, interactionId, conversionId } = subjects;
  const userId = payload.case === 'member' ? payload.value.userId : subjects.userId;
  const subjectId = interactionId || conversionId;
  return {
    memberId: memberId || undefined,
    userId: userId || undefined,
    subjectKey: subjectId === '' ? undefined : eventKeyOf(subjectId),
  };
}
