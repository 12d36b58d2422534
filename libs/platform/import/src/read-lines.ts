import { createReadStream } from 'node:fs';
import { DomainError } from '@parley/errors';
import { decodeUtf8, readBytes } from './read-bytes.ts';

/** A line of a file, or what is wrong with it. */
export type NumberedLine = {
  /** From 1. */
  readonly number: number;
} & ({ readonly text: string } | { readonly fault: Fault });

/** One line of a file. */
export type Line = NumberedLine & {
  /** Bytes of the file that had been read when this line was given; for progress. */
  readonly bytesRead: number;
};

/** What is wrong with a line. */
export interface Fault {
  /** Machine-readable: `INVALID_JSON`, `INVALID_FIELDS` … */
  readonly reason: string;
  readonly message: string;
}

/** What a DomainError says of a line; anything else is thrown again. */
export function faultOf(error: unknown): Fault {
  if (error instanceof DomainError) return { reason: error.reason, message: error.message };
  throw error;
}

/** The longest line that is read, in bytes: no event of more than that is taken. */
export const maxLineBytes = 1024 * 1024;

/** What is wrong with a line, a record or an event above the bound. */
export const tooLong: Fault = {
  reason: 'TOO_LARGE',
  message: `It is longer than ${maxLineBytes} bytes.`,
};

/**
 * The lines of a stream of bytes, gzipped or not, in an encoding as `readBytes` tells it. Memory is bounded whatever
 * comes: the text of a line above the bound is passed over. Empty lines are counted, but not given.
 */
export async function* readLines(source: AsyncIterable<Buffer>, encoding?: string): AsyncGenerator<Line> {
  const { chunks, bytesRead } = readBytes(source, encoding);
  for await (const line of splitLines(chunks)) yield { ...line, bytesRead: bytesRead() };
}

/** The bytes of a file for `readLines`; `-` is standard input. It is opened once something is asked for. */
export async function* openFile(
  file: string,
  standardInput: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  yield* file === '-' ? standardInput : createReadStream(file, { highWaterMark: 256 * 1024 });
}

/** The lines of what a file holds, without how much of it was read. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<NumberedLine> {
  let number = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= maxLineBytes) parts.push(part);
    else parts = [];
  };
  const finish = (): NumberedLine => {
    number += 1;
    const read = length > maxLineBytes ? { fault: tooLong } : decode(parts);
    parts = [];
    length = 0;
    return { number, ...read };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(newline); to !== -1; to = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, to));
      from = to + 1;
      const line = finish();
      if (!isEmpty(line)) yield line;
    }
    take(chunk.subarray(from));
  }
  if (length > 0) {
    const line = finish();
    if (!isEmpty(line)) yield line;
  }
}

/** Bytes as text, where they are UTF-8. */
export function decode(parts: readonly Buffer[]): { readonly text: string } | { readonly fault: Fault } {
  try {
    // Files that were put together have a mark before the first line of each.
    return { text: decodeUtf8(Buffer.concat(parts)).replace(/^\uFEFF/, '') };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

export function isEmpty(line: NumberedLine): boolean {
  return 'text' in line && line.text.trim() === '';
}

const newline = 0x0a;
