/** Tags of length-delimited fields: Event.interaction and Interaction.understanding, which take two bytes. */
const interactionTag = (10 << 3) | 2;
const understandingTag = [0x82, 0x01] as const;

/**
 * The bytes of an interaction's event with an Understanding behind them. Protobuf merges a message that comes twice, so
 * what came stays as it came, to the byte, and is not encoded again.
 */
export function appendUnderstanding(event: Uint8Array, understanding: Uint8Array): Uint8Array {
  const innerLength = understandingTag.length + varintSize(understanding.length) + understanding.length;
  const both = new Uint8Array(event.length + 1 + varintSize(innerLength) + innerLength);
  both.set(event);
  let end = event.length;
  both[end++] = interactionTag;
  end = writeVarint(both, end, innerLength);
  for (const byte of understandingTag) both[end++] = byte;
  end = writeVarint(both, end, understanding.length);
  both.set(understanding, end);
  return both;
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : 1 + varintSize(value >>> 7);
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let left = value;
  let end = at;
  for (; left >= 0x80; left >>>= 7) bytes[end++] = (left & 0x7f) | 0x80;
  bytes[end++] = left;
  return end;
}
