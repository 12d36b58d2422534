import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** One line of a file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Undefined: longer than the bound; its text was passed over. */
  readonly text: string | undefined;
  /** Bytes of the file that had been read when this line was given; for progress. */
  readonly bytesRead: number;
}

/** The longest line that is read, in bytes: no event of more than that is taken. */
export const maxLineBytes = 1024 * 1024;

/**
 * The lines of a stream of bytes, gzipped or not (told by its first bytes). Memory is bounded whatever comes: a line
 * above the bound is given without text. Empty lines are counted, but not given.
 */
export async function* readLines(source: Readable): AsyncGenerator<Line> {
  let bytesRead = 0;
  const chunks = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let start: Buffer = Buffer.alloc(0);
  while (start.length < 2) {
    const next = await chunks.next();
    if (next.done) break;
    start = Buffer.concat([start, next.value]);
  }
  async function* counted(): AsyncGenerator<Buffer> {
    for (let chunk = start; ;) {
      bytesRead += chunk.length;
      yield chunk;
      const next = await chunks.next();
      if (next.done) return;
      chunk = next.value;
    }
  }
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  for await (const { number, text } of splitLines(isGzip ? gunzip(counted()) : counted())) {
    yield { number, text, bytesRead };
  }
}

/** Opens a file for `readLines`; `-` is standard input. */
export function openFile(file: string, standardInput: Readable): Readable {
  return file === '-' ? standardInput : createReadStream(file, { highWaterMark: 256 * 1024 });
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Omit<Line, 'bytesRead'>> {
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

function gunzip(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // A failure of either side destroys the other and ends the iteration with its error.
  return pipeline(Readable.from(chunks, { objectMode: false }), createGunzip(), () => undefined);
}
