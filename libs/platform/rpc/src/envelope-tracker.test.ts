import { expect, test } from 'vitest';
import { createEnvelopeTracker } from './envelope-tracker.ts';

function envelope(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

test('messages are counted wherever their bytes are cut', () => {
  const bytes = Buffer.concat([0, 1, 3, 0, 300, 70_000].map(envelope));
  for (const size of [1, 2, 3, 4, 5, 6, 7, 64, 1000, bytes.length]) {
    const tracker = createEnvelopeTracker();
    let finished = 0;
    for (let at = 0; at < bytes.length; at += size) finished += tracker.push(bytes.subarray(at, at + size));
    expect(finished, `in chunks of ${size}`).toBe(6);
    expect(tracker.unfinishedBytes()).toBe(0);
  }
});

test('the bytes of an unfinished message are known, also of one that promises 4 GiB', () => {
  const tracker = createEnvelopeTracker();
  expect(tracker.push(envelope(10).subarray(0, 7))).toBe(0);
  expect(tracker.unfinishedBytes()).toBe(7);
  expect(
    tracker.push(Buffer.concat([envelope(10).subarray(7), Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1])])),
  ).toBe(1);
  expect(tracker.unfinishedBytes()).toBe(6);
});
