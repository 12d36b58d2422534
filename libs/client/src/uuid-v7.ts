/**
 * Makes UUIDs of version 7 (RFC 9562, 5.7): 48 bits of the time in milliseconds, then random ones, so that events that
 * were made one after the other lie beside each other in the service's index. `random(n)` gives n random bytes.
 */
export function createUuidV7(now: () => number, random: (size: number) => Uint8Array): () => string {
  return () => {
    const bytes = Buffer.from(random(16));
    bytes.writeUIntBE(now(), 0, 6);
    bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}
