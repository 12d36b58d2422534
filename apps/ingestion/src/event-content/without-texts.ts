import type { Event } from '@parley/contracts/parley/ingestion/v1/event';

/**
 * An event without what somebody wrote or was answered; undefined when it holds nothing of that. Intents, reasons and
 * attributes stay, and that there was an answer.
 */
export function withoutTexts(event: Event): Event | undefined {
  const { payload } = event;
  switch (payload.case) {
    case 'interaction': {
      const { value } = payload;
      if (value.messageText === '' && value.responseText === '') return undefined;
      const responseOmitted = value.responseOmitted || value.responseText !== '';
      return {
        ...event,
        payload: { ...payload, value: { ...value, messageText: '', responseText: '', responseOmitted } },
      };
    }
    case 'completion': {
      const { value } = payload;
      if (value.responseText === '') return undefined;
      return {
        ...event,
        payload: { ...payload, value: { ...value, responseText: '', responseOmitted: true } },
      };
    }
    case 'conversion': {
      const { value } = payload;
      if (value.triggerMessage === '' && value.botMessage === '') return undefined;
      return { ...event, payload: { ...payload, value: { ...value, triggerMessage: '', botMessage: '' } } };
    }
    case 'feedback': {
      const { value } = payload;
      if (value.comment === '') return undefined;
      return { ...event, payload: { ...payload, value: { ...value, comment: '' } } };
    }
    default:
      return undefined;
  }
}
