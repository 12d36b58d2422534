import { invalidArgument } from '@parley/errors';
import { Temporal } from 'temporal-polyfill';
import { findDay, startOf } from './day.ts';
import type { TimeZone } from './time-zone.ts';

/**
 * An instant of RFC 3339 with its offset, or a day `YYYY-MM-DD`, which means its start in the zone (see `startOfDay`).
 * What is finer than a millisecond is cut off; there are no leap seconds. Throws a DomainError about `field`.
 */
export function parseInstantOrDate(text: string, zone: TimeZone, field = 'instant'): Date {
  const at = findInstant(text) ?? findStart(text, zone);
  if (at === undefined) {
    const description =
      'must be an instant with its offset, such as 2026-03-01T12:00:00Z, or a day, such as 2026-03-01; ' +
      `this is ${JSON.stringify(text)}`;
    throw invalidArgument([{ field, description, reason: 'INVALID_INSTANT' }]);
  }
  return at;
}

const rfc3339 =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

function findInstant(text: string): Date | undefined {
  const day = rfc3339.exec(text)?.[1];
  if (day === undefined || findDay(day) === undefined) return undefined;
  return new Date(Temporal.Instant.from(text).epochMilliseconds);
}

function findStart(text: string, zone: TimeZone): Date | undefined {
  const day = findDay(text);
  return day && startOf(day, zone);
}
