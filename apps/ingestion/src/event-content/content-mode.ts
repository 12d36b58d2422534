import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import { ConsentScope } from '@parley/contracts/parley/ingestion/v1/event';
import { withoutTexts } from './without-texts.ts';

/** How much of what is said is kept. */
export const contentModes = ['full', 'pseudonymous', 'off'] as const;
export type ContentMode = (typeof contentModes)[number];

/** An event as it is kept in that mode. @param pseudonymOf stands for a person; empty stays empty. */
export function inContentMode(event: Event, mode: ContentMode, pseudonymOf: (id: string) => string): Event {
  switch (mode) {
    case 'full':
      return event;
    case 'pseudonymous':
      return pseudonymous(event, pseudonymOf);
    case 'off':
      return withoutContent(event);
  }
}

/** With pseudonyms in every field that holds a member or user. Attributes and texts stay as they are. */
function pseudonymous(event: Event, pseudonymOf: (id: string) => string): Event {
  const { payload } = event;
  switch (payload.case) {
    case 'interaction': {
      const memberId = pseudonymOf(payload.value.memberId);
      return { ...event, payload: { ...payload, value: { ...payload.value, memberId } } };
    }
    case 'conversion': {
      const memberId = pseudonymOf(payload.value.memberId);
      return { ...event, payload: { ...payload, value: { ...payload.value, memberId } } };
    }
    case 'feedback': {
      const memberId = pseudonymOf(payload.value.memberId);
      return { ...event, payload: { ...payload, value: { ...payload.value, memberId } } };
    }
    case 'handoff': {
      const memberId = pseudonymOf(payload.value.memberId);
      return { ...event, payload: { ...payload, value: { ...payload.value, memberId } } };
    }
    case 'member': {
      const memberId = pseudonymOf(payload.value.memberId);
      const userId = pseudonymOf(payload.value.userId);
      return { ...event, payload: { ...payload, value: { ...payload.value, memberId, userId } } };
    }
    case 'user': {
      const userId = pseudonymOf(payload.value.userId);
      return { ...event, payload: { ...payload, value: { ...payload.value, userId } } };
    }
    case 'exposure': {
      const unitId = pseudonymOf(payload.value.unitId);
      return { ...event, payload: { ...payload, value: { ...payload.value, unitId } } };
    }
    case 'consent': {
      if (payload.value.scope !== ConsentScope.MEMBER) return event;
      const subjectId = pseudonymOf(payload.value.subjectId);
      return { ...event, payload: { ...payload, value: { ...payload.value, subjectId } } };
    }
    default:
      return event;
  }
}

/** Without texts, reasons in words and attributes. */
function withoutContent(event: Event): Event {
  const { payload, ...rest } = withoutTexts(event) ?? event;
  switch (payload.case) {
    case 'interaction': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'interaction', value } };
    }
    case 'completion': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'completion', value } };
    }
    case 'conversion': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'conversion', value } };
    }
    case 'refund': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'refund', value: { ...value, reason: '' } } };
    }
    case 'feedback': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'feedback', value } };
    }
    case 'handoff': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'handoff', value: { ...value, reason: '' } } };
    }
    case 'member': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'member', value } };
    }
    case 'user': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'user', value } };
    }
    case 'botPerformanceMetric': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'botPerformanceMetric', value } };
    }
    case 'exposure': {
      const { attributes: _, ...value } = payload.value;
      return { ...rest, payload: { case: 'exposure', value } };
    }
    default:
      return { ...rest, payload };
  }
}
