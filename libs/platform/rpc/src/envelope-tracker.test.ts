import { expect, test } from 'vitest';
import { createEnvelopeTracker } from './envelope-tracker.ts';

function envelope(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

test('the end of the last message in a chunk is found wherever the bytes are cut', () => {
  const messages = [0, 1, 3, 0, 300, 70_000].map(envelope);
  const bytes = Buffer.concat(messages);
  const ends = messages.map((_, i) => Buffer.concat(messages.slice(0, i + 1)).length);
  for (const size of [1, 2, 3, 4, 5, 6, 7, 64, 1000, bytes.length]) {
    const tracker = createEnvelopeTracker();
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = bytes.subarray(at, at + size);
      const last = ends.findLast((end) => end > at && end <= at + chunk.length);
      expect(tracker.push(chunk), `at ${at} of chunks of ${size}`).toBe(last === undefined ? 0 : last - at);
    }
    expect(tracker.promisedBytes()).toBe(0);
  }
});

test('a promise is known as soon as the header is there, also one of 4 GiB', () => {
  const tracker = createEnvelopeTracker();
  tracker.push(Buffer.from([0, 0xff, 0xff, 0xff]));
  expect(tracker.promisedBytes()).toBe(0);
  tracker.push(Buffer.from([0xff]));
  expect(tracker.promisedBytes()).toBe(0xffffffff);
});
