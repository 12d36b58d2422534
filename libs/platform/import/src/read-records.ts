import type { JsonObject } from '@bufbuild/protobuf';
import { peek } from './read-bytes.ts';
import {
  decode,
  isEmpty,
  maxLineBytes,
  splitLines,
  tooLong,
  type Fault,
  type NumberedLine,
} from './read-lines.ts';

/** One record of a log, or why it is none. */
export type ForeignRecord = {
  /** The line on which it begins, from 1. */
  readonly number: number;
} & ({ readonly fields: JsonObject } | { readonly fault: Fault });

const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
const [quote, backslash, comma, newline] = [0x22, 0x5c, 0x2c, 0x0a];

/** Objects of JSON: one a line, or the elements of one array. Memory is bounded by the longest, at most 1 MiB. */
export async function* readJsonRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<ForeignRecord> {
  const { start, chunks: all } = await peek(chunks, (begin) => begin.toString('latin1').trim().length > 3);
  const isArray = start.toString('latin1').trimStart().startsWith('[');
  for await (const line of isArray ? splitElements(all) : splitLines(all)) {
    yield 'fault' in line ? line : { number: line.number, ...parse(line.text) };
  }
}

function parse(text: string): { readonly fields: JsonObject } | { readonly fault: Fault } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { fields: value as JsonObject };
    }
  } catch (error) {
    const message = `Not JSON: ${error instanceof Error ? error.message : String(error)}`;
    return { fault: { reason: 'INVALID_JSON', message } };
  }
  return { fault: { reason: 'INVALID_JSON', message: 'Not a JSON object.' } };
}

/** The elements of an array, cut by brackets, braces and quotes alone; each is parsed for itself. */
async function* splitElements(chunks: AsyncIterable<Buffer>): AsyncGenerator<NumberedLine> {
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  let line = 1;
  let begun = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= maxLineBytes) parts.push(part);
    else parts = [];
  };
  const finish = (): NumberedLine | undefined => {
    const read = length > maxLineBytes ? { fault: tooLong } : decode(parts);
    parts = [];
    length = 0;
    const element = { number: begun, ...read };
    return isEmpty(element) ? undefined : element;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (byte === newline) line += 1;
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isText = false;
        continue;
      }
      if (byte === quote) isText = true;
      if (byte === openBracket || byte === openBrace) {
        depth += 1;
        if (depth === 1) from = at + 1;
        if (depth === 2) begun = line;
      } else if (byte === closeBracket || byte === closeBrace) {
        depth -= 1;
      }
      if ((byte === comma && depth === 1) || (byte === closeBracket && depth === 0)) {
        take(chunk.subarray(from, at));
        from = at + 1;
        const element = finish();
        if (element) yield element;
      }
    }
    if (depth > 0) take(chunk.subarray(from));
  }
  // Cut short: what is left is no JSON, and is told so.
  const rest = depth > 0 ? finish() : undefined;
  if (rest) yield rest;
}
