import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { readBytes } from './read-bytes.ts';

/** One line of a file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Undefined: longer than the bound; its text was passed over. */
  readonly text: string | undefined;
  /** Bytes of the file that had been read when this line was given; for progress. */
  readonly bytesRead: number;
  /** Why the line is rejected as it is; its text is not looked at then. */
  readonly fault?: Fault;
}

/** What is wrong with a line. */
export interface Fault {
  /** Machine-readable: `INVALID_JSON`, `INVALID_FIELDS` … */
  readonly reason: string;
  readonly message: string;
}

/** The longest line that is read, in bytes: no event of more than that is taken. */
export const maxLineBytes = 1024 * 1024;

/**
 * The lines of a stream of bytes, gzipped or not (told by its first bytes). Memory is bounded whatever comes: a line
 * above the bound is given without text. Empty lines are counted, but not given.
 */
export async function* readLines(source: Readable): AsyncGenerator<Line> {
  const { chunks, bytesRead } = readBytes(source);
  for await (const line of splitLines(chunks)) yield { ...line, bytesRead: bytesRead() };
}

/** Opens a file for `readLines`; `-` is standard input. */
export function openFile(file: string, standardInput: Readable): Readable {
  return file === '-' ? standardInput : createReadStream(file, { highWaterMark: 256 * 1024 });
}

/** The lines of what a file holds, without how much of it was read. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Omit<Line, 'bytesRead'>> {
  const decoder = new TextDecoder();
  let number = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= maxLineBytes) parts.push(part);
    else parts = [];
  };
  const finish = (): Omit<Line, 'bytesRead'> => {
    number += 1;
    const text = length > maxLineBytes ? undefined : decoder.decode(Buffer.concat(parts));
    parts = [];
    length = 0;
    return { number, text };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(newline); to !== -1; to = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, to));
      from = to + 1;
      const line = finish();
      if (line.text === undefined || line.text.trim() !== '') yield line;
    }
    take(chunk.subarray(from));
  }
  if (length > 0) {
    const line = finish();
    if (line.text === undefined || line.text.trim() !== '') yield line;
  }
}

const newline = 0x0a;
