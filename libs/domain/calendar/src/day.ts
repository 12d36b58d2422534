import { Temporal } from 'temporal-polyfill';
import type { TimeZone } from './time-zone.ts';

/** The day `YYYY-MM-DD` of the years 1 to 9999; undefined when the calendar has no such day. */
export function findDay(text: string): Temporal.PlainDate | undefined {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined || year === 0) return undefined;
  const midnight = new Date(`${text}T00:00:00Z`);
  // Date refuses 32 February, but takes 30 February for 2 March.
  if (midnight.getUTCDate() !== day) return undefined;
  return new Temporal.PlainDate(year, month, day);
}

/** When the day begins in the zone, by the rules of `startOfDay`. */
export function startOf(day: Temporal.PlainDate, zone: TimeZone): Date {
  return new Date(day.toZonedDateTime(zone).epochMilliseconds);
}
