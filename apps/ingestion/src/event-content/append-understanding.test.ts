import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { EventSchema, UnderstandingSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { expect, test } from 'vitest';
import { appendUnderstanding } from './append-understanding.ts';

test.each([1, 200, 20_000])(
  'an event with an understanding behind it is the same event with it inside',
  (length) => {
    const value = { botId: 'bot', messageText: 'hello', attributes: { list: [1, { deep: 'x' }] } };
    const event = create(EventSchema, { eventId: 'i', payload: { case: 'interaction', value } });
    const came = toBinary(EventSchema, event);
    const understanding = create(UnderstandingSchema, {
      intent: 'greeting',
      outOfScope: 0.25,
      modelVersion: 'a'.repeat(length),
    });

    const both = appendUnderstanding(came, toBinary(UnderstandingSchema, understanding));

    expect(both.subarray(0, came.length)).toEqual(came);
    expect(fromBinary(EventSchema, both)).toEqual(
      create(EventSchema, {
        eventId: 'i',
        payload: { case: 'interaction', value: { ...value, understanding } },
      }),
    );
  },
);
