import { Temporal } from 'temporal-polyfill';
import { cutLocal } from './cut-local.ts';
import type { LocalPeriod } from './cut-local.ts';
import type { Range } from './range.ts';
import type { TimeZone } from './time-zone.ts';

/** Longer than any of its kind, clock changes and skipped days included. */
const longestMs: Readonly<Record<LocalPeriod, number>> = {
  hour: 3 * 3_600_000,
  day: 3 * 86_400_000,
  week: 9 * 86_400_000,
  month: 33 * 86_400_000,
};

/**
 * The periods of the zone, as `cutLocal` has them, that end after `start` and not after `end`, each as a whole, in order of
 * time. So the lists of neighbouring windows join without gap or repetition. Throws RangeError when the end is before the
 * start.
 */
export function wholePeriods(period: LocalPeriod, start: Date, end: Date, zone: TimeZone): Range[] {
  if (!(start <= end)) throw new RangeError('A window must not end before it starts.');
  const slack = longestMs[period];
  const from = new Date(start.getTime() - slack);
  const to = new Date(end.getTime() + slack);
  // The first and the last are parts, and neither ends in the window.
  return cutLocal(period, from, to, zone)
    .slice(1, -1)
    .filter((one) => one.end > start && one.end <= end);
}

/** The time of a period's length up to an instant, by the zone's clock and calendar: a month from the same day of the last. */
export function periodUpTo(period: LocalPeriod, end: Date, zone: TimeZone): Range {
  const at = Temporal.Instant.fromEpochMilliseconds(end.getTime()).toZonedDateTimeISO(zone);
  return { start: new Date(at.subtract({ [`${period}s`]: 1 }).epochMilliseconds), end };
}
