import { invalidArgument } from '@parley/errors';
import type { DateOrder } from './foreign-format.ts';

const dayMs = 86_400_000;
/** Day 0 of a spreadsheet. */
const spreadsheetEpochMs = Date.UTC(1899, 11, 30);
const isoLike =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*([Zz]|UTC|[+-]\d{2}:?\d{2})?)?$/;
const dayFirstOrMonthFirst =
  /^(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:,?\s+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*([AaPp][Mm])?)?$/;

/**
 * A time as logs and spreadsheets write it, as RFC 3339 in UTC: ISO with or without seconds and zone, a spreadsheet's
 * number of days, seconds or milliseconds since 1970, `31.1.2026 9:05`, `1/31/2026 9:05 PM`. Without a zone it is UTC.
 * @throws DomainError `invalid-argument` about `field` when it is none of these, or could be two of them.
 */
export function foreignInstant(value: string | number, field: string, order?: DateOrder): string {
  const text = String(value).trim();
  if (/^\d+([.,]\d+)?$/.test(text)) {
    const number = Number(text.replace(',', '.'));
    // Days of 1954 to 2119; then seconds of 2001 to 2286; then milliseconds.
    if (number >= 20_000 && number < 80_000) {
      return iso(spreadsheetEpochMs + Math.round(number * dayMs), field);
    }
    if (number >= 1e9 && number < 1e10) return iso(Math.round(number * 1000), field);
    if (number >= 1e12 && number < 1e13) return iso(Math.round(number), field);
    throw broken(field);
  }
  const match = isoLike.exec(text);
  if (match) {
    const [, year, month, day, time, zone] = match;
    return instant({ year, month, day, time, zone }, field);
  }
  const [, first, separator, second, year, time, half] = dayFirstOrMonthFirst.exec(text) ?? [];
  if (first === undefined || second === undefined) throw broken(field);
  const isDayFirst = separator !== '/' || Number(first) > 12 || order === 'dmy';
  if (
    separator === '/' &&
    order === undefined &&
    Number(first) <= 12 &&
    Number(second) <= 12 &&
    first !== second
  ) {
    throw invalidArgument([
      { field, description: `${text} could be two days; say which with --date-order mdy or dmy` },
    ]);
  }
  const [day, month] = isDayFirst ? [first, second] : [second, first];
  return instant({ year, month, day, time, half }, field);
}

interface Parts {
  readonly year: string | undefined;
  readonly month: string | undefined;
  readonly day: string | undefined;
  readonly time?: string | undefined;
  readonly zone?: string | undefined;
  readonly half?: string | undefined;
}

function instant({ year, month, day, time = '00:00', zone, half }: Parts, field: string): string {
  const [hours = '0', minutes = '0', seconds = '0'] = time.split(':');
  let hour = Number(hours);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) throw broken(field);
    hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
  }
  const date = `${year}-${pad(month)}-${pad(day)}`;
  const at = new Date(`${date}T00:00:00Z`);
  // `Date` takes 30 February for 2 March.
  const isDay = !Number.isNaN(at.getTime()) && at.toISOString().startsWith(date);
  if (!isDay || hour > 23 || Number(minutes) > 59 || Number(seconds) >= 60) throw broken(field);
  const ofDay = ((hour * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return iso(at.getTime() + Math.round(ofDay) - offsetMs(zone), field);
}

function offsetMs(zone: string | undefined): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone ?? '') ?? [];
  if (sign === undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

function pad(text: string | undefined): string {
  return (text ?? '').padStart(2, '0');
}

function iso(ms: number, field: string): string {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) throw broken(field);
  return at.toISOString();
}

function broken(field: string): Error {
  return invalidArgument([
    { field, description: 'must be a time, such as 2026-03-01T08:15:00Z or a spreadsheet’s' },
  ]);
}
