type Packed = Uint32Array | Int32Array | Float32Array | Uint16Array | Int16Array;

/** A JSON value and arrays as bytes, little-endian: a word that says what it is, the length of the JSON, it, the arrays. */
export function pack(magic: number, head: object, arrays: readonly Packed[]): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const size = arrays.reduce((sum, { byteLength }) => sum + byteLength, 8 + text.length);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, text.length, true);
  bytes.set(text, 8);
  let end = 8 + text.length;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), end);
    end += array.byteLength;
  }
  return bytes;
}

/** Takes packed bytes apart. */
export interface Unpacking<Head> {
  readonly head: Head;
  /** The next so many bytes. @throws RangeError when there are fewer. */
  take(byteCount: number): ArrayBuffer;
  /** @throws RangeError unless all bytes were taken. */
  end(): void;
}

/** @throws RangeError when the bytes begin with another word. The head is taken for what it was packed as. */
export function unpack<Head>(magic: number, bytes: Uint8Array): Unpacking<Head> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic) throw new RangeError('They begin with another word.');
  const headEnd = 8 + view.getUint32(4, true);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, headEnd));
  let end = headEnd;
  return {
    head: JSON.parse(text) as Head,
    take(byteCount) {
      if (end + byteCount > bytes.length) throw new RangeError('They end too soon.');
      // Copied, since a view needs its start at a multiple of its items; not by slice, which in Node's Buffer copies nothing.
      const part = new Uint8Array(byteCount);
      part.set(bytes.subarray(end, end + byteCount));
      end += byteCount;
      return part.buffer;
    },
    end() {
      if (end !== bytes.length) throw new RangeError('They go on too long.');
    },
  };
}
