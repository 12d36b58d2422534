import { Readable } from 'node:stream';
import { parse, type CsvError, type InfoRecord } from 'csv-parse';
import { maxLineBytes } from './read-lines.ts';
import { peek } from './read-bytes.ts';
import type { ForeignRecord } from './read-records.ts';

/** A table's rows, by the names of its first line. */
export interface CsvTable {
  readonly delimiter: ',' | ';' | '\t';
  readonly records: AsyncGenerator<ForeignRecord>;
}

/** A cell that was written so that no spreadsheet takes it for a formula. */
const defused = /^'['=+\-@\t\r]/;

/**
 * Reads CSV of RFC 4180 and its kin: with a byte order mark or not, separated by commas, semicolons or tabs (by the line
 * of names), line breaks in quotes. A row that is broken is given as such and the next one is read. Empty cells are left
 * out; an apostrophe before what could be a formula is taken away, as Parley's exports put it there.
 */
export async function readCsv(chunks: AsyncIterable<Buffer>): Promise<CsvTable> {
  const { start, chunks: all } = await peek(
    withoutMark(chunks),
    (begin) => begin.includes(newline) || begin.length > maxLineBytes,
  );
  const delimiter = delimiterOf(start.toString('utf8'));
  return { delimiter, records: readRows(all, delimiter) };
}

async function* readRows(chunks: AsyncIterable<Buffer>, delimiter: string): AsyncGenerator<ForeignRecord> {
  const breaks = countBreaks();
  const skipped: ForeignRecord[] = [];
  const parser = parse({
    delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: maxLineBytes,
  });
  parser.on('skip', (error: CsvError) => {
    // Where the record begins.
    const number = breaks.before(Number(error['bytes'])) + 1;
    skipped.push({ number, fault: { reason: 'INVALID_CSV', message: error.message } });
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
      names = record.map((name) => name.trim());
      continue;
    }
    if (record.length !== names.length) {
      const message = `It has ${record.length} cells, and ${names.length} names stand above them.`;
      yield { number, fault: { reason: 'INVALID_CSV', message } };
      continue;
    }
    const cells = names.map((name, index) => [name, undo(record[index] ?? '')] as const);
    yield { number, fields: Object.fromEntries(cells.filter(([, cell]) => cell !== '')) };
  }
  yield* skipped;
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

async function* withoutMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { start, chunks: all } = await peek(chunks, (begin) => begin.length >= byteOrderMark.length);
  let skip = start.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0;
  for await (const chunk of all) {
    yield chunk.subarray(skip);
    skip = 0;
  }
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

function undo(cell: string): string {
  return defused.test(cell) ? cell.slice(1) : cell;
}

/** The one that stands most often in the line of names, outside of quotes. */
function delimiterOf(text: string): CsvTable['delimiter'] {
  const line = text.replaceAll(/"[^"]*"/g, '').split(/[\r\n]/, 1)[0] ?? '';
  const counts = ([',', ';', '\t'] as const).map((each) => [each, line.split(each).length] as const);
  return counts.reduce((most, each) => (each[1] > most[1] ? each : most))[0];
}
