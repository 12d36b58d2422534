import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { expect, test } from 'vitest';
import { quarantinedEventLine } from './member-file.ts';

function lineOf(init: MessageInitShape<typeof EventSchema>): { body: Uint8Array; line: unknown } {
  const event = create(EventSchema, init);
  const body = toBinary(EventSchema, event);
  const receivedAt = new Date('2026-03-08T00:00:00Z');
  const quarantined = {
    quarantineId: '1',
    receivedAt,
    reason: 'INVALID_FIELDS',
    message: 'No.',
    event,
    body,
  };
  return { body, line: JSON.parse(quarantinedEventLine(quarantined)) };
}

const handoff = { case: 'handoff', value: { interactionId: 'i' } } as const;

test('what is in quarantine is given by its content', () => {
  const { line } = lineOf({ eventId: 'e', payload: handoff });
  expect(line).toMatchObject({ kind: 'handoff', event_id: 'e', content: { interaction_id: 'i' } });
});

test('what is in quarantine for a value that JSON has not is given by its bytes', () => {
  const beyond = { seconds: 2n ** 62n };
  const events = [
    lineOf({ eventId: 'e', occurredAt: beyond, payload: handoff }),
    lineOf({
      eventId: 'e',
      payload: { case: 'interaction', value: { botId: 'b', attributes: { a: Number.NaN } } },
    }),
  ];
  for (const { body, line } of events) {
    expect(line).toMatchObject({ reason: 'INVALID_FIELDS', body: Buffer.from(body).toString('base64') });
  }
});
