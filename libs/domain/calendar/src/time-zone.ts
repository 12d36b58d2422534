import { invalidArgument } from '@parley/errors';
import { Temporal } from 'temporal-polyfill';

declare const timeZone: unique symbol;

/** The name of a zone of the IANA time zone database, such as `America/New_York` or `UTC`. Made by `parseTimeZone`. */
export type TimeZone = string & { readonly [timeZone]: true };

/**
 * The zone of that name, in the spelling of the database; capitals don't matter. An offset such as `+05:45` is no zone,
 * since it knows nothing of the changes of its clock. Throws a DomainError about `field`.
 */
export function parseTimeZone(text: string, field = 'time_zone'): TimeZone {
  const zone = findZoneId(text);
  if (zone === undefined) {
    const description = `must be the name of an IANA time zone, such as Europe/Berlin; this is ${JSON.stringify(text)}`;
    throw invalidArgument([{ field, description, reason: 'UNKNOWN_TIME_ZONE' }]);
  }
  return zone as TimeZone;
}

/** UTC, where days and hours are those of the buckets. */
export const utc = parseTimeZone('UTC');

function findZoneId(text: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,99}$/.test(text)) return undefined;
  try {
    return new Temporal.ZonedDateTime(0n, text).timeZoneId;
  } catch (error) {
    // This is how Temporal says that it does not know the name.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
