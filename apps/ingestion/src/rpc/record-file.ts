import { stringify } from 'csv-stringify/sync';
import type { RecordKind, RecordRow } from '../storage/records.sql.ts';
import { recordColumns } from '../storage/records.sql.ts';

export type RecordFileFormat = 'jsonl' | 'csv';

/** Writes rows as lines of a file that `parley import` reads. */
export interface RecordFile {
  /** What comes first, before any row. */
  readonly head: string;
  /** Whole lines, each with its end. */
  lines(rows: readonly RecordRow[]): string;
}

const lineTypes: Readonly<Record<RecordKind, string>> = {
  interactions: 'interaction',
  conversions: 'conversion',
  feedback: 'feedback',
};

export function createRecordFile(kind: RecordKind, format: RecordFileFormat): RecordFile {
  const type = lineTypes[kind];
  if (format === 'jsonl') {
    return {
      head: '',
      lines: (rows) => rows.map((row) => `${JSON.stringify({ type, ...known(row) })}\n`).join(''),
    };
  }
  const columns = ['type', ...recordColumns(kind)];
  return {
    head: toCsv([columns]),
    lines: (rows) =>
      toCsv(rows.map((row) => columns.map((column) => cell(column === 'type' ? type : row[column])))),
  };
}

/** RFC 4180; a lone CR or LF is quoted as well, since many readers take either for the end of a line. */
function toCsv(records: readonly (readonly unknown[])[]): string {
  return stringify([...records], { record_delimiter: 'windows', quoted_match: /[\r\n]/ });
}

/** What a spreadsheet takes for the beginning of a formula, and the apostrophe that is put before it. */
const formula = /^['=+\-@\t\r]/;

function cell(value: RecordRow[string] | undefined): string | number {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'string') return JSON.stringify(value);
  return formula.test(value) ? `'${value}` : value;
}

function known(row: RecordRow): RecordRow {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
}
