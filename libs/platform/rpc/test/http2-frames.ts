// HTTP/2 by hand (RFC 9113), for what no client would send.

const types = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of DATA and HEADERS. */
export const endStream = 0x1;
export const endHeaders = 0x4;

export interface Frame {
  readonly type: keyof typeof types;
  readonly flags?: number;
  /** 0 is the connection itself. */
  readonly stream?: number;
  readonly payload?: Uint8Array;
}

export function frame({ type, flags = 0, stream = 0, payload = Buffer.alloc(0) }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(types[type], 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What an HTTP/2 connection begins with, with empty settings. */
export const opening = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame({ type: 'settings' }),
]);

/** A header block (RFC 7541) of literals that are not indexed; names and values below 127 bytes. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value, 'latin1')]);
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]),
  );
}

/** The number of a 32-bit big-endian payload. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The error code of the first GOAWAY among these bytes, or undefined. */
export function goawayCodeIn(bytes: Buffer): number | undefined {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === types.goaway && at + 17 <= bytes.length) {
      return bytes.readUInt32BE(at + 13);
    }
  }
  return undefined;
}
