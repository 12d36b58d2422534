import { Readable } from 'node:stream';
import { DomainError } from '@parley/errors';
import { parse, type CsvError, type InfoRecord } from 'csv-parse';
import { faultOf, maxLineBytes, tooLong, type Fault } from './read-lines.ts';
import { decodeUtf8, peek } from './read-bytes.ts';
import type { JsonObject } from '@bufbuild/protobuf';
import type { ForeignRecord } from './read-records.ts';

/** A table's rows, by the names of its first line. */
export interface CsvTable {
  readonly delimiter: ',' | ';' | '\t';
  readonly records: AsyncGenerator<ForeignRecord>;
}

/** A cell that was written so that no spreadsheet takes it for a formula. */
const defused = /^'['=+\-@\t\r]/;

/**
 * Reads CSV of RFC 4180 and its kin: separated by commas, semicolons or tabs (by the line of names), line breaks in
 * quotes. A row that is broken is given as such and the next one is read. Empty cells are left out; an apostrophe before
 * what could be a formula is taken away, as Parley's exports put it there. The second column of a name is `name (2)`, one
 * without a name is named by its place.
 * @param wanted names of columns without which there is nothing to be read.
 * @throws DomainError `invalid-argument`, while it is read, where the line of names lacks one (NO_SUCH_COLUMN) or is not
 *   UTF-8 (INVALID_ENCODING).
 */
export async function readCsv(
  chunks: AsyncIterable<Buffer>,
  wanted: Iterable<string> = [],
): Promise<CsvTable> {
  const { start, chunks: all } = await peek(
    chunks,
    (begin) => begin.includes(newline) || begin.length > maxLineBytes,
  );
  const delimiter = delimiterOf(start.toString('latin1'));
  return { delimiter, records: readRows(all, delimiter, wanted) };
}

async function* readRows(
  chunks: AsyncIterable<Buffer>,
  delimiter: string,
  wanted: Iterable<string>,
): AsyncGenerator<ForeignRecord> {
  const breaks = countBreaks();
  const skipped: ForeignRecord[] = [];
  const parser = parse({
    delimiter,
    // A character is a byte; what it means is told cell by cell.
    encoding: 'latin1',
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: maxLineBytes,
  });
  parser.on('skip', (error: CsvError) => {
    // Where the record begins.
    const number = breaks.before(Number(error['bytes'])) + 1;
    skipped.push({ number, fault: faultOfRow(error) });
  });
  const source = Readable.from(breaks.counted(chunks), { objectMode: false });
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let names: readonly string[] | undefined;
  for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: InfoRecord }>) {
    const number = breaks.lineOf(record, info.bytes);
    // The parser is ahead of what it gives: what it skipped may come after this row.
    while (skipped[0] !== undefined && skipped[0].number < number) yield* skipped.splice(0, 1);
    if (names === undefined) {
      names = namesOf(record, wanted);
      continue;
    }
    if (record.length !== names.length) {
      const message = `It has ${record.length} cells, and ${names.length} names stand above them.`;
      yield { number, fault: { reason: 'INVALID_CSV', message } };
      continue;
    }
    yield { number, ...readCells(names, record) };
  }
  yield* skipped;
}

function readCells(
  names: readonly string[],
  record: readonly string[],
): { readonly fields: JsonObject } | { readonly fault: Fault } {
  try {
    const cells = names.map((name, index) => [name, undo(textOf(record[index] ?? ''))] as const);
    return { fields: Object.fromEntries(cells.filter(([, cell]) => cell !== '')) };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

function namesOf(record: readonly string[], wanted: Iterable<string>): readonly string[] {
  const seen = new Map<string, number>();
  const names = record.map((cell, index) => {
    const name = textOf(cell).trim() || `column ${index + 1}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
  for (const name of wanted) {
    if (names.includes(name)) continue;
    throw new DomainError(
      `The table has no column ${JSON.stringify(name)}; it has ${names.map((each) => JSON.stringify(each)).join(', ')}.`,
      { kind: 'invalid-argument', reason: 'NO_SUCH_COLUMN' },
    );
  }
  return names;
}

/** Bytes that were read as characters, as the text that they are. */
function textOf(cell: string): string {
  return /[^\0-\x7f]/.test(cell) ? decodeUtf8(Buffer.from(cell, 'latin1')) : cell;
}

function faultOfRow({ code }: CsvError): Fault {
  const broken = (message: string): Fault => ({ reason: 'INVALID_CSV', message });
  switch (code) {
    case 'CSV_MAX_RECORD_SIZE':
      return tooLong;
    case 'INVALID_OPENING_QUOTE':
      return broken('A quote stands inside a cell that is not quoted.');
    case 'CSV_INVALID_CLOSING_QUOTE':
      return broken('Something follows a quoted cell, or a quote inside of it is not doubled.');
    case 'CSV_QUOTE_NOT_CLOSED':
      return broken('A quote is not closed.');
    default:
      return broken(`It can’t be read as CSV (${code}).`);
  }
}

/** Knows lines by byte: the parser's own count takes a quoted CR LF for two and leaves out what it skips. */
function countBreaks() {
  let read = 0;
  let passed = 0;
  let ahead: number[] = [];
  return {
    async *counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1))
          ahead.push(read + at);
        read += chunk.length;
        yield chunk;
      }
    },
    /** Breaks before a byte that is not before the last row that was asked for. */
    before: (byte: number): number => passed + ahead.filter((at) => at < byte).length,
    /** The line on which a row begins, by the byte at which it ends. Rows come in their order. */
    lineOf(record: readonly string[], endByte: number): number {
      const count = ahead.findIndex((at) => at >= endByte);
      const inside = count === -1 ? ahead.length : count;
      const endsWithBreak = inside > 0 && ahead[inside - 1] === endByte - 1;
      passed += inside;
      ahead = ahead.slice(inside);
      const within = record.reduce((sum, cell) => sum + cell.split('\n').length - 1, 0);
      return passed + (endsWithBreak ? 0 : 1) - within;
    },
  };
}

const newline = 0x0a;

function undo(cell: string): string {
  return defused.test(cell) ? cell.slice(1) : cell;
}

/** The one that stands most often in the line of names, outside of quotes. */
function delimiterOf(text: string): CsvTable['delimiter'] {
  const line = text.replaceAll(/"[^"]*"/g, '').split(/[\r\n]/, 1)[0] ?? '';
  const counts = ([',', ';', '\t'] as const).map((each) => [each, line.split(each).length] as const);
  return counts.reduce((most, each) => (each[1] > most[1] ? each : most))[0];
}
