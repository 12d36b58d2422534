import { invalidArgument } from '@parley/errors';
import { findDay, startOf } from './day.ts';
import type { TimeZone } from './time-zone.ts';

/**
 * When the day `YYYY-MM-DD` begins in the zone: at midnight, or where the clock leaps over it, at the first instant
 * after; where midnight comes twice, the first time. A day that the zone skipped begins where the next one does.
 * Throws a DomainError about `field` when there is no such day in the years 1 to 9999.
 */
export function startOfDay(date: string, zone: TimeZone, field = 'date'): Date {
  const day = findDay(date);
  if (day === undefined) {
    const description = `must be a day as YYYY-MM-DD; this is ${JSON.stringify(date)}`;
    throw invalidArgument([{ field, description, reason: 'INVALID_DATE' }]);
  }
  return startOf(day, zone);
}
