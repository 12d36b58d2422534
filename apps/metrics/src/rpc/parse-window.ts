import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { cutWindow, parseTimeZone, startOfDay } from '@parley/calendar';
import type { TimeZone } from '@parley/calendar';
import type {
  DateRange,
  KpiWindow as KpiWindowMessage,
  TimeRange,
} from '@parley/contracts/parley/metrics/v1/kpi';
import { DomainError, invalidArgument } from '@parley/errors';
import type { KpiWindow } from '../use-cases/read-kpis.ts';

const dayMs = 86_400_000;
const usualDays = 30;
const maxDays = 400;

/** A window with the zone in which its days begin. */
export interface ZonedWindow extends KpiWindow {
  readonly timeZone: TimeZone;
}

/**
 * The window that a message asks for; without one the 30 days up to now. `field` is where it stands in the request.
 * @throws DomainError `invalid-argument` naming the field that is wrong.
 */
export function parseWindow(
  message: KpiWindowMessage | undefined,
  { tenantTimeZone, now, field = 'window' }: { tenantTimeZone: string; now: Date; field?: string },
): ZonedWindow {
  const asked = message?.timeZone ?? '';
  if (message !== undefined && message.asOf !== '') {
    throw new DomainError('as_of is not implemented yet; a later release will answer as of an earlier day.', {
      kind: 'unimplemented',
      reason: 'NOT_IMPLEMENTED',
      facts: { field: `${field}.as_of` },
    });
  }
  const timeZone = parseTimeZone(asked === '' ? tenantTimeZone : asked, `${field}.time_zone`);
  switch (message?.window.case) {
    case undefined:
      return { ...lastDays(usualDays, now), timeZone };
    case 'days':
      return { ...lastDays(message.window.value, now), timeZone };
    case 'range':
      return { ...parseRange(message.window.value, `${field}.range`), timeZone };
    case 'dates':
      return { ...parseDates(message.window.value, timeZone, `${field}.dates`), timeZone };
  }
}

/** The last hour, told in a tenant's zone. */
export function lastHour(now: Date, tenantTimeZone: string): ZonedWindow {
  return { ...toWindow(new Date(now.getTime() - 3_600_000), now), timeZone: parseTimeZone(tenantTimeZone) };
}

function lastDays(days: number, now: Date): KpiWindow {
  return toWindow(new Date(now.getTime() - days * dayMs), now);
}

function parseRange({ start, end }: TimeRange, field: string): KpiWindow {
  if (start === undefined) throw violation(`${field}.start`, 'is required');
  if (end === undefined) throw violation(`${field}.end`, 'is required');
  if (nanosOf(end) <= nanosOf(start)) throw violation(`${field}.end`, 'must be after the start');
  if (nanosOf(end) - nanosOf(start) > BigInt(maxDays * dayMs) * 1_000_000n) throw tooLong(`${field}.end`);
  return toWindow(firstMillisecond(start), firstMillisecond(end));
}

function parseDates({ startDate, endDate }: DateRange, timeZone: TimeZone, field: string): KpiWindow {
  const start = startOfDay(startDate, timeZone, `${field}.start_date`);
  const end = startOfDay(endDate, timeZone, `${field}.end_date`);
  const days = (Date.parse(endDate) - Date.parse(startDate)) / dayMs;
  if (days <= 0) throw violation(`${field}.end_date`, 'must be after the first day');
  if (days > maxDays) throw tooLong(`${field}.end_date`);
  return toWindow(start, end);
}

function toWindow(start: Date, end: Date): KpiWindow {
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
