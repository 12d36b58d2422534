import { open, readFile, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

const headerBytes = 8;

/** A record of a segment: the length of its bytes and their CRC-32, both in 32 bits, then the bytes. */
export function toRecord(bytes: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(headerBytes + bytes.length);
  record.writeUInt32LE(bytes.length, 0);
  record.writeUInt32LE(crc32(bytes), 4);
  record.set(bytes, headerBytes);
  return record;
}

/** What records hold, up to the first that is torn or damaged; `whole` says whether that was the end. */
export function readRecords(file: Buffer): {
  readonly records: readonly Uint8Array[];
  readonly whole: boolean;
} {
  const records: Uint8Array[] = [];
  let at = 0;
  while (at + headerBytes <= file.length) {
    const end = at + headerBytes + file.readUInt32LE(at);
    if (end > file.length) break;
    const bytes = file.subarray(at + headerBytes, end);
    if (crc32(bytes) !== file.readUInt32LE(at + 4)) break;
    records.push(bytes);
    at = end;
  }
  return { records, whole: at === file.length };
}

/** What a segment tells of its writing. */
export interface SegmentEvents {
  readonly written: (count: number) => void;
  /** `count` records are not on disk; the segment takes no more. */
  readonly failed: (error: unknown, count: number) => void;
}

/** A file of records that is written once from its start to its end, behind the caller's back. */
export class Segment {
  readonly path: string;
  /** Bytes appended, written or not. */
  bytes: number;
  /** Events of it that are not settled. */
  pending = 0;
  /** Whether a write failed: what came after it could not be found again. */
  isBroken = false;
  #unwritten: Buffer[] = [];
  #unwrittenBytes = 0;
  #writing: Promise<void> | undefined;
  #file: FileHandle | undefined;
  readonly #folder: Promise<void>;
  readonly #on: SegmentEvents;

  /** `folder` settles when the folder is there. `bytes` is the size of a file that is there already. */
  constructor(path: string, bytes: number, folder: Promise<void>, on: SegmentEvents) {
    this.path = path;
    this.bytes = bytes;
    this.#folder = folder;
    this.#on = on;
  }

  get unwrittenBytes(): number {
    return this.#unwrittenBytes;
  }

  append(record: Buffer): void {
    this.bytes += record.length;
    this.pending += 1;
    this.#unwritten.push(record);
    this.#unwrittenBytes += record.length;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** Closes the file once everything is written; nothing may be appended any more. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    // One write holds all that came while the one before it ran.
    while (this.#unwritten.length > 0) {
      const records = this.#unwritten;
      this.#unwritten = [];
      try {
        await this.#folder;
        if (this.isBroken) throw new Error(`${this.path} could not be written.`);
        this.#file ??= await open(this.path, 'ax', 0o600);
        await this.#file.appendFile(Buffer.concat(records));
        this.#on.written(records.length);
      } catch (error) {
        this.isBroken = true;
        this.#on.failed(error, records.length);
      }
      for (const record of records) this.#unwrittenBytes -= record.length;
    }
  }
}

/** Reads the records of a file; none where it is gone. */
export async function readSegment(path: string): Promise<ReturnType<typeof readRecords>> {
  try {
    return readRecords(await readFile(path));
  } catch (error) {
    if (isMissing(error)) return { records: [], whole: true };
    throw error;
  }
}

/** Removes a file; one that is gone is well. */
export async function removeSegment(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Whether the error says that there is no such file. */
export const isMissing = (error: unknown): boolean => hasCode(error, ['ENOENT']);

/** Whether it says that a folder can't be removed since something is in it. */
export const isNotEmpty = (error: unknown): boolean => hasCode(error, ['ENOTEMPTY', 'EEXIST']);

/** Whether it is one of the system's with one of these codes. */
export const hasCode = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));
