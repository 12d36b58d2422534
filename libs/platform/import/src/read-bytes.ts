import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DomainError } from '@parley/errors';

/** What a file holds, gzipped or not, without a byte order mark. */
export interface FileBytes {
  /** UTF-8, as far as the file is. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Bytes of the file itself that have been read so far; for progress. */
  readonly bytesRead: () => number;
}

/**
 * Reads a stream of bytes; whether it is gzipped, or UTF-16, is told by its first bytes.
 * @param encoding of what has no byte order mark, by one of the Encoding Standard's labels, such as `windows-1252`;
 *   undefined: UTF-8.
 * @throws DomainError `invalid-argument` (INVALID_ENCODING), while it is read, when the bytes are not in their encoding; of
 *   UTF-8 that is left to whoever decodes it, line by line.
 */
export function readBytes(source: AsyncIterable<Buffer>, encoding?: string): FileBytes {
  let bytesRead = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      bytesRead += chunk.length;
      yield chunk;
    }
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    const whole = await peek(counted(), (start) => start.length >= 2);
    const isGzip = whole.start[0] === 0x1f && whole.start[1] === 0x8b;
    const { start, chunks: marked } = await peek(
      isGzip ? gunzip(whole.chunks) : whole.chunks,
      (begin) => begin.length >= 3,
    );
    const mark = marks.find(([, bytes]) => bytes.every((byte, index) => start[index] === byte));
    const label = mark?.[0] ?? encoding ?? 'utf-8';
    if (new TextDecoder(label).encoding !== 'utf-8') yield* transcoded(marked, label);
    else yield* mark?.[0] === 'utf-8' ? without(mark[1].length, marked) : marked;
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

const marks = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
] as const;

async function* without(length: number, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let skip = length;
  for await (const chunk of chunks) {
    yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}

/** As UTF-8, without its mark. */
async function* transcoded(chunks: AsyncIterable<Buffer>, label: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(label, { fatal: true });
  const decode = (chunk?: Buffer): Buffer => {
    try {
      return Buffer.from(decoder.decode(chunk, { stream: chunk !== undefined }));
    } catch (cause) {
      throw new DomainError(`The file is not ${decoder.encoding}.`, { ...invalidEncoding, cause });
    }
  };
  for await (const chunk of chunks) yield decode(chunk);
  yield decode();
}

const invalidEncoding = { kind: 'invalid-argument', reason: 'INVALID_ENCODING' } as const;
// What looks like a mark inside of a file is text.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A piece of a file as text.
 * @throws DomainError `invalid-argument` (INVALID_ENCODING) when it is not UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new DomainError('It is not UTF-8; say with --encoding what it is, such as windows-1252.', {
      ...invalidEncoding,
      cause,
    });
  }
}

function gunzip(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // A failure of either side destroys the other and ends the iteration with its error.
  return pipeline(Readable.from(chunks, { objectMode: false }), createGunzip(), () => undefined);
}
