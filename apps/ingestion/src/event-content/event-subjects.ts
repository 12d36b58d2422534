import type { Event } from '@parley/contracts/parley/ingestion/v1/event';

/** Whom and what an event names; empty where it does not. */
export interface EventSubjects {
  readonly memberId: string;
  readonly groupId: string;
  /** Of a user's own record. */
  readonly userId: string;
  /** The interaction that it is about; not its own id. */
  readonly interactionId: string;
  /** The conversion that it is about. */
  readonly conversionId: string;
}

const nobody: EventSubjects = { memberId: '', groupId: '', userId: '', interactionId: '', conversionId: '' };

/** Undefined for what is about nobody: figures measured elsewhere, and what Parley writes on its own behalf. */
export function subjectsOf({ payload }: Event): EventSubjects | undefined {
  switch (payload.case) {
    case 'interaction': {
      const { memberId, groupId } = payload.value;
      return { ...nobody, memberId, groupId };
    }
    case 'completion':
    case 'enrichment':
      return { ...nobody, interactionId: payload.value.interactionId };
    case 'conversion':
    case 'feedback':
    case 'handoff': {
      const { memberId, groupId, interactionId } = payload.value;
      return { ...nobody, memberId, groupId, interactionId };
    }
    case 'refund':
      return { ...nobody, conversionId: payload.value.conversionId };
    case 'member': {
      const { memberId, groupId } = payload.value;
      return { ...nobody, memberId, groupId };
    }
    case 'user':
      return { ...nobody, userId: payload.value.userId };
    case 'exposure':
      // What sort of unit it is does not show: a member's is treated as one.
      return { ...nobody, memberId: payload.value.unitId, interactionId: payload.value.interactionId };
    default:
      return undefined;
  }
}
