import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { RecordEventsRequestSchema } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import { createMessageValidator } from './message-validator.ts';

const validator = createMessageValidator();

type Payload = NonNullable<MessageInitShape<typeof EventSchema>['payload']>;

function violationsOf(payload: Payload): string[] {
  const event = create(EventSchema, { eventId: 'e-1', payload });
  return validator.validate(EventSchema, event).map(({ field, reason }) => `${field} ${reason}`);
}

const interaction = { botId: 'bot-1', messageText: 'hello' };

test('a good event breaks no rule', () => {
  expect(violationsOf({ case: 'interaction', value: interaction })).toEqual([]);
  const attributes = { a: 1, b: [true, null, { c: 'text' }] };
  expect(violationsOf({ case: 'interaction', value: { ...interaction, attributes } })).toEqual([]);
});

test('what no database can hold is named by its path, in oneofs, lists, maps and JSON', () => {
  const value = {
    ...interaction,
    messageText: 'a\0',
    intentScore: Number.NaN,
    attributes: { 'b\0': 1, c: [{ d: 'e\ud800' }], f: Infinity },
  };
  expect(violationsOf({ case: 'interaction', value })).toEqual(
    expect.arrayContaining([
      'interaction.message_text TEXT_CONTAINS_NUL',
      'interaction.intent_score NUMBER_NOT_FINITE',
      'interaction.attributes.b\0 TEXT_CONTAINS_NUL',
      'interaction.attributes.c[0].d TEXT_NOT_WELL_FORMED',
      'interaction.attributes.f NUMBER_NOT_FINITE',
    ]),
  );
  expect(violationsOf({ case: 'interaction', value: { ...interaction, messageText: 'a\0' } })).toHaveLength(
    1,
  );
});

test('instants are in the years 1 to 9999', () => {
  const at = (seconds: bigint, nanos = 0) => {
    const event = create(EventSchema, { occurredAt: { seconds, nanos } });
    return validator
      .validate(EventSchema, event)
      .flatMap(({ field, reason }) => (field === 'occurred_at' ? [reason] : []));
  };
  expect(at(-62_135_596_801n)).toContain('TIMESTAMP_OUT_OF_RANGE');
  expect(at(253_402_300_800n)).toContain('TIMESTAMP_OUT_OF_RANGE');
  expect(at(0n, -1)).toContain('TIMESTAMP_NANOS_OUT_OF_RANGE');
  expect(at(0n, 1_000_000_000)).toContain('TIMESTAMP_NANOS_OUT_OF_RANGE');
  expect(at(0n)).toEqual([]);
});

test('a bad item does not make its batch bad; too few or too many do', () => {
  const bad = { payload: { case: 'interaction', value: { botId: '\0', intentScore: Number.NaN } } } as const;
  const batch = (count: number) =>
    validator.validate(
      RecordEventsRequestSchema,
      create(RecordEventsRequestSchema, { events: Array.from({ length: count }, () => bad) }),
    );
  expect(batch(1)).toEqual([]);
  expect(batch(1000)).toEqual([]);
  expect(batch(0)).toMatchObject([{ field: 'events' }]);
  expect(batch(1001)).toMatchObject([{ field: 'events' }]);
});

test('at most a hundred violations are given', () => {
  const attributes = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`a${i}`, '\0']));
  expect(violationsOf({ case: 'interaction', value: { ...interaction, attributes } })).toHaveLength(100);
});
