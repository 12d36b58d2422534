import type { Writable } from 'node:stream';
import Table from 'cli-table3';

/** One line of JSON; 64-bit numbers as numbers, which they are in every count that is printed. */
export function printJson(out: Writable, value: unknown): void {
  out.write(
    `${JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? Number(item) : item))}\n`,
  );
}

/** A table with a heading. */
export function printTable(
  out: Writable,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const table = new Table({ head: [...head], style: { head: [], border: [] }, chars: plainBorders });
  table.push(...rows.map((row) => [...row]));
  out.write(`${table.toString()}\n`);
}

/** Columns by space alone, so that a table can be cut and pasted. */
const plainBorders = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((name) => [name, '']),
);
