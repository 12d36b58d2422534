import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** What a file holds, gzipped or not. */
export interface FileBytes {
  readonly chunks: AsyncIterable<Buffer>;
  /** Bytes of the file itself that have been read so far; for progress. */
  readonly bytesRead: () => number;
}

/** Reads a stream of bytes; whether it is gzipped is told by its first bytes. */
export function readBytes(source: Readable): FileBytes {
  let bytesRead = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytesRead += chunk.length;
      yield chunk;
    }
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    const whole = await peek(counted(), (start) => start.length >= 2);
    const isGzip = whole.start[0] === 0x1f && whole.start[1] === 0x8b;
    yield* isGzip ? gunzip(whole.chunks) : whole.chunks;
  }
  return { chunks: chunks(), bytesRead: () => bytesRead };
}

/** The start of some bytes, as soon as it is enough or there are no more, and all of them again, the start included. */
export async function peek(
  chunks: AsyncIterable<Buffer>,
  isEnough: (start: Buffer) => boolean,
): Promise<{ readonly start: Buffer; readonly chunks: AsyncGenerator<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let start: Buffer = Buffer.alloc(0);
  while (!isEnough(start)) {
    const next = await iterator.next();
    if (next.done) break;
    start = Buffer.concat([start, next.value]);
  }
  async function* again(): AsyncGenerator<Buffer> {
    try {
      if (start.length > 0) yield start;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { start, chunks: again() };
}

function gunzip(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // A failure of either side destroys the other and ends the iteration with its error.
  return pipeline(Readable.from(chunks, { objectMode: false }), createGunzip(), () => undefined);
}
