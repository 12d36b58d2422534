import { writeUuid } from './write-uuid.ts';

/** Types by number (Postgres' pg_type.dat). */
const BYTEA: number = 17;
const INT8: number = 20;
const INT2: number = 21;
const INT4: number = 23;
const TEXT: number = 25;
const DATE: number = 1082;
const TIMESTAMPTZ: number = 1184;
const UUID: number = 2950;

// A parameter that is a Buffer is sent as it is, and Postgres reads it as the binary form of the parameter's type. As text,
// thousands of keys cost more than looking them up. The form: dimensions, nulls or none, type; for the one dimension its
// length and first index; then each item with its length (array_recv in Postgres' sources).
const HEADER_BYTES = 20;
const TWO_TO_32 = 4_294_967_296;
/** 1970 to 2000, where Postgres starts to count. */
const EPOCH_MS = 946_684_800_000;
const EPOCH_DAYS = 10_957;

/** A parameter of type `uuid[]`, in binary. @throws TypeError for text that is no UUID. */
export function encodeUuidArray(uuids: readonly string[]): Buffer {
  return encodeFixed(UUID, 16, uuids, writeUuid);
}

/** A parameter of type `smallint[]`, of whole numbers, in binary. @throws RangeError for one that 16 bits can't hold. */
export function encodeInt2Array(integers: readonly number[]): Buffer {
  return encodeFixed(INT2, 2, integers, (buffer, end, integer) => buffer.writeInt16BE(integer, end));
}

/** A parameter of type `integer[]`, of whole numbers, in binary. @throws RangeError for one that 32 bits can't hold. */
export function encodeInt4Array(integers: Numbers): Buffer {
  return encodeFixed(INT4, 4, integers, (buffer, end, integer) => buffer.writeInt32BE(integer, end));
}

/** A parameter of type `bigint[]`, in binary. @throws RangeError for a number that is not whole, or not exactly so. */
export function encodeInt8Array(integers: readonly number[]): Buffer {
  return encodeFixed(INT8, 8, integers, writeInt8);
}

/** A parameter of type `timestamptz[]`, of whole milliseconds since 1970, in binary. @throws RangeError beyond 285 years. */
export function encodeTimestampArray(milliseconds: readonly number[]): Buffer {
  return encodeFixed(TIMESTAMPTZ, 8, milliseconds, (buffer, end, at) =>
    writeInt8(buffer, end, (at - EPOCH_MS) * 1_000),
  );
}

/** A parameter of type `date[]`, of whole days since 1970, in binary. */
export function encodeDateArray(days: readonly number[]): Buffer {
  return encodeFixed(DATE, 4, days, (buffer, end, day) => buffer.writeInt32BE(day - EPOCH_DAYS, end));
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

/** A parameter of type `bytea[]`, in binary. */
export function encodeByteaArray(items: readonly Uint8Array[]): Buffer {
  const buffer = Buffer.allocUnsafe(items.reduce((sum, { length }) => sum + 4 + length, HEADER_BYTES));
  let end = writeHeader(buffer, BYTEA, items.length);
  for (const item of items) {
    end = buffer.writeInt32BE(item.length, end);
    buffer.set(item, end);
    end += item.length;
  }
  return buffer;
}

type Numbers = ArrayLike<number> & Iterable<number>;

function encodeFixed<Item>(
  type: number,
  bytes: number,
  items: ArrayLike<Item> & Iterable<Item>,
  write: (buffer: Buffer, end: number, item: Item) => number,
): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + items.length * (4 + bytes));
  let end = writeHeader(buffer, type, items.length);
  for (const item of items) end = write(buffer, buffer.writeInt32BE(bytes, end), item);
  return buffer;
}

function writeInt8(buffer: Buffer, end: number, integer: number): number {
  if (!Number.isSafeInteger(integer)) throw new RangeError(`Not a whole number, or too large: ${integer}`);
  const high = Math.floor(integer / TWO_TO_32);
  return buffer.writeUInt32BE(integer - high * TWO_TO_32, buffer.writeInt32BE(high, end));
}

function writeHeader(buffer: Buffer, type: number, length: number): number {
  let end = 0;
  for (const field of [1, 0, type, length, 1]) end = buffer.writeInt32BE(field, end);
  return end;
}
