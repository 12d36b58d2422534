/** Follows the envelopes (a flag byte, four bytes of length, the payload) in a stream of chunks without copying them. */
export interface EnvelopeTracker {
  /** Takes the next chunk and says where in it the last message ended that did; 0 when none did. */
  push(chunk: Uint8Array): number;
  /** The length that the message promises whose header came last, if it is not complete yet; else 0. */
  promisedBytes(): number;
}

const headerBytes = 5;

/** A tracker at the start of a body. */
export function createEnvelopeTracker(): EnvelopeTracker {
  let header = 0;
  let length = 0;
  let payload = 0;
  return {
    push(chunk) {
      let lastEnd = 0;
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
          lastEnd = at;
          header = 0;
          length = 0;
          payload = 0;
        }
      }
      return lastEnd;
    },
    promisedBytes: () => (header === headerBytes ? length : 0),
  };
}
