/** Follows the envelopes (a flag byte, four bytes of length, the payload) in a stream of chunks without copying them. */
export interface EnvelopeTracker {
  /** Takes the next chunk and says how many messages ended in it. */
  push(chunk: Uint8Array): number;
  /** Bytes that have come of the message that is not complete yet; 0 between messages. */
  unfinishedBytes(): number;
}

const headerBytes = 5;

/** A tracker at the start of a body. */
export function createEnvelopeTracker(): EnvelopeTracker {
  let header = 0;
  let length = 0;
  let payload = 0;
  return {
    push(chunk) {
      let finished = 0;
      let at = 0;
      while (at < chunk.byteLength) {
        if (header < headerBytes) {
          // The flag byte is shifted out again by the four bytes of the length.
          length = ((length << 8) | (chunk[at] ?? 0)) >>> 0;
          header += 1;
          at += 1;
        } else {
          const taken = Math.min(length - payload, chunk.byteLength - at);
          payload += taken;
          at += taken;
        }
        if (header === headerBytes && payload === length) {
          finished += 1;
          header = 0;
          length = 0;
          payload = 0;
        }
      }
      return finished;
    },
    unfinishedBytes: () => header + payload,
  };
}
