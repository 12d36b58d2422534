import { expect, test } from 'vitest';
import { eventKeyOf } from './event-key.ts';
import { eventKinds } from './event-kind.ts';
import { packEventKeys, unpackEventKeys } from './packed-keys.ts';

test('keys come back as they were, by kind', () => {
  const events = new Map([
    [eventKinds.interaction, ['a', 'b'].map(eventKeyOf)],
    [eventKinds.feedback, ['a', 'c'].map(eventKeyOf)],
  ]);
  const packed = packEventKeys(events);
  expect(packed.interactionKeys).toHaveLength(32);
  expect(packed.eventKeys).toHaveLength(34);
  expect(unpackEventKeys(packed)).toEqual(events);
});

test('half a key is no key', () => {
  const nothing = new Uint8Array();
  expect(unpackEventKeys({ interactionKeys: nothing, eventKeys: nothing }).size).toBe(0);
  expect(() => unpackEventKeys({ interactionKeys: new Uint8Array(15), eventKeys: nothing })).toThrow(
    RangeError,
  );
  expect(() => unpackEventKeys({ interactionKeys: nothing, eventKeys: new Uint8Array(16) })).toThrow(
    RangeError,
  );
});
