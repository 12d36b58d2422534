import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { cutWindow, parseTimeZone, startOfDay } from '@parley/calendar';
import type { TimeZone } from '@parley/calendar';
import type {
  DateRange,
  KpiWindow as KpiWindowMessage,
  TimeRange,
} from '@parley/contracts/parley/metrics/v1/kpi';
import { invalidArgument } from '@parley/errors';
import type { KpiWindow } from '../use-cases/kpi-question.ts';
import { unimplemented } from './unimplemented.ts';

const dayMs = 86_400_000;
const usualDays = 30;
const maxDays = 400;

/**
 * The window that a message asks for; without one the 30 days up to now. `field` is where it stands in the request.
 * @throws DomainError `invalid-argument` naming the field that is wrong.
 */
export function parseWindow(
  message: KpiWindowMessage | undefined,
  { tenantTimeZone, now, field = 'window' }: { tenantTimeZone: string; now: Date; field?: string },
): KpiWindow {
  const asked = message?.timeZone ?? '';
  const timeZone = parseTimeZone(asked === '' ? tenantTimeZone : asked, `${field}.time_zone`);
  const asOf = parseAsOf(message?.asOf ?? '', now, `${field}.as_of`);
  // As of an earlier day the last days are those up to its end.
  const upTo = asOf === undefined ? now : new Date((asOf + 1) * dayMs);
  const toZoned = (stretch: Stretch): KpiWindow => ({ ...stretch, timeZone, asOf });
  switch (message?.window.case) {
    case undefined:
      return toZoned(lastDays(usualDays, upTo));
    case 'days':
      return toZoned(lastDays(message.window.value, upTo));
    case 'range':
      return toZoned(parseRange(message.window.value, `${field}.range`));
    case 'dates':
      return toZoned(parseDates(message.window.value, timeZone, `${field}.dates`));
  }
}

/** The same, of a call that answers as known now alone. @throws DomainError `unimplemented` for one as of an earlier day. */
export function parseWindowOfNow(...asked: Parameters<typeof parseWindow>): KpiWindow {
  const window = parseWindow(...asked);
  if (window.asOf === undefined) return window;
  const field = `${asked[1].field ?? 'window'}.as_of`;
  throw unimplemented('as_of of this call is', 'answer it as of an earlier day', { field });
}

type Stretch = Pick<KpiWindow, 'start' | 'end' | 'cut'>;

/** In days since 1970; undefined for empty text. */
function parseAsOf(text: string, now: Date, field: string): number | undefined {
  if (text === '') return undefined;
  const at = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) {
    throw violation(field, 'must be a day, YYYY-MM-DD');
  }
  if (at + dayMs > now.getTime()) throw violation(field, 'must be a UTC day that is past');
  return at / dayMs;
}

/**
 * The window of the same length just before one; of days of a zone where the message says it in these.
 * @param message from which the window was read.
 */
export function windowBefore(
  { start, end, timeZone, asOf }: KpiWindow,
  message: KpiWindowMessage | undefined,
): KpiWindow {
  if (message?.window.case === 'dates') {
    const { startDate, endDate } = message.window.value;
    const earlier = new Date(2 * Date.parse(startDate) - Date.parse(endDate)).toISOString().slice(0, 10);
    return { ...toWindow(startOfDay(earlier, timeZone, 'window.dates.start_date'), start), timeZone, asOf };
  }
  return { ...toWindow(new Date(2 * start.getTime() - end.getTime()), start), timeZone, asOf };
}

/** The last hour, told in a tenant's zone. */
export function lastHour(now: Date, tenantTimeZone: string): KpiWindow {
  const start = new Date(now.getTime() - 3_600_000);
  return { ...toWindow(start, now), timeZone: parseTimeZone(tenantTimeZone), asOf: undefined };
}

function lastDays(days: number, now: Date): Stretch {
  return toWindow(new Date(now.getTime() - days * dayMs), now);
}

function parseRange({ start, end }: TimeRange, field: string): Stretch {
  if (start === undefined) throw violation(`${field}.start`, 'is required');
  if (end === undefined) throw violation(`${field}.end`, 'is required');
  if (nanosOf(end) <= nanosOf(start)) throw violation(`${field}.end`, 'must be after the start');
  if (nanosOf(end) - nanosOf(start) > BigInt(maxDays * dayMs) * 1_000_000n) throw tooLong(`${field}.end`);
  return toWindow(firstMillisecond(start), firstMillisecond(end));
}

function parseDates({ startDate, endDate }: DateRange, timeZone: TimeZone, field: string): Stretch {
  const start = startOfDay(startDate, timeZone, `${field}.start_date`);
  const end = startOfDay(endDate, timeZone, `${field}.end_date`);
  const days = (Date.parse(endDate) - Date.parse(startDate)) / dayMs;
  if (days <= 0) throw violation(`${field}.end_date`, 'must be after the first day');
  if (days > maxDays) throw tooLong(`${field}.end_date`);
  return toWindow(start, end);
}

function toWindow(start: Date, end: Date): Stretch {
  return { start, end, cut: cutWindow(start, end) };
}

function nanosOf({ seconds, nanos }: Timestamp): bigint {
  return seconds * 1_000_000_000n + BigInt(nanos);
}

/**
 * The first millisecond at or after the instant: events are kept to the millisecond, what is finer cut off, so what
 * counts as at or after the instant is what is at or after this one.
 */
export function firstMillisecond({ seconds, nanos }: Timestamp): Date {
  return new Date(Number(seconds) * 1_000 + Math.ceil(nanos / 1_000_000));
}

function tooLong(field: string) {
  return violation(field, `must be at most ${maxDays} days after the start`);
}

function violation(field: string, description: string) {
  return invalidArgument([{ field, description, reason: 'INVALID_WINDOW' }]);
}
