import { create, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { expect, test } from 'vitest';
import { eventJson } from './event-json.ts';

test('what JSON can hold is written as the contract has it, and read again', () => {
  const event = create(EventSchema, {
    eventId: 'e',
    occurredAt: { seconds: 1n },
    payload: { case: 'interaction', value: { botId: 'b', attributes: { a: [1, null, 'x'] } } },
  });
  expect(eventJson(event)).toEqual(toJson(EventSchema, event));
  expect(fromJson(EventSchema, eventJson(event))).toEqual(event);
});

test('a time beyond the year 9999 and a number that is none are given by their fields, all else as usual', () => {
  const occurredAt = { seconds: 2n ** 62n, nanos: 5 };
  const event = create(EventSchema, {
    eventId: 'e',
    occurredAt,
    sentAt: { seconds: 1n },
    payload: { case: 'interaction', value: { botId: 'b', attributes: { a: Number.NaN, b: [true] } } },
  });
  expect(eventJson(fromBinary(EventSchema, toBinary(EventSchema, event)))).toEqual({
    eventId: 'e',
    occurredAt: { seconds: '4611686018427387904', nanos: 5 },
    sentAt: '1970-01-01T00:00:01Z',
    interaction: {
      botId: 'b',
      attributes: {
        fields: { a: { numberValue: 'NaN' }, b: [true] },
      },
    },
  });
});
