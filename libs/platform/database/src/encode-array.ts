import { writeUuid } from './write-uuid.ts';

/** Types by number (Postgres' pg_type.dat). */
const INT8: number = 20;
const INT4: number = 23;
const TEXT: number = 25;
const UUID: number = 2950;

// A parameter that is a Buffer is sent as it is, and Postgres reads it as the binary form of the parameter's type. As text,
// thousands of keys cost more than looking them up. The form: dimensions, nulls or none, type; for the one dimension its
// length and first index; then each item with its length (array_recv in Postgres' sources).
const HEADER_BYTES = 20;
const TWO_TO_32 = 4_294_967_296;

/** A parameter of type `uuid[]`, in binary. @throws TypeError for text that is no UUID. */
export function encodeUuidArray(uuids: readonly string[]): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + uuids.length * 20);
  let end = writeHeader(buffer, UUID, uuids.length);
  for (const uuid of uuids) end = writeUuid(buffer, buffer.writeInt32BE(16, end), uuid);
  return buffer;
}

/** A parameter of type `integer[]`, of whole numbers, in binary. @throws RangeError for one that 32 bits can't hold. */
export function encodeInt4Array(integers: ArrayLike<number> & Iterable<number>): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + integers.length * 8);
  let end = writeHeader(buffer, INT4, integers.length);
  for (const integer of integers) end = buffer.writeInt32BE(integer, buffer.writeInt32BE(4, end));
  return buffer;
}

/** A parameter of type `bigint[]`, in binary. @throws RangeError for a number that is not whole, or not exactly so. */
export function encodeInt8Array(integers: readonly number[]): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + integers.length * 12);
  let end = writeHeader(buffer, INT8, integers.length);
  for (const integer of integers) {
    if (!Number.isSafeInteger(integer)) throw new RangeError(`Not a whole number, or too large: ${integer}`);
    const high = Math.floor(integer / TWO_TO_32);
    end = buffer.writeInt32BE(8, end);
    end = buffer.writeInt32BE(high, end);
    end = buffer.writeUInt32BE(integer - high * TWO_TO_32, end);
  }
  return buffer;
}

/** A parameter of type `text[]`, in binary. */
export function encodeTextArray(texts: readonly string[]): Buffer {
  // UTF-16 units take at most three bytes each.
  const most = texts.reduce((sum, text) => sum + 4 + text.length * 3, HEADER_BYTES);
  const buffer = Buffer.allocUnsafe(most);
  let end = writeHeader(buffer, TEXT, texts.length);
  for (const text of texts) {
    const bytes = buffer.write(text, end + 4);
    buffer.writeInt32BE(bytes, end);
    end += 4 + bytes;
  }
  return buffer.subarray(0, end);
}

function writeHeader(buffer: Buffer, type: number, length: number): number {
  let end = 0;
  for (const field of [1, 0, type, length, 1]) end = buffer.writeInt32BE(field, end);
  return end;
}
