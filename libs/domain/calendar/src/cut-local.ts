import { Temporal } from 'temporal-polyfill';
import { startOf } from './day.ts';
import type { Range } from './range.ts';
import type { TimeZone } from './time-zone.ts';

/** The periods of a zone's clock and calendar. */
export type LocalPeriod = 'hour' | 'day' | 'week' | 'month';

/**
 * Cuts [start, end) where the zone's periods begin, in order of time: the first and the last may be parts of a period,
 * together they are exactly the window. Throws RangeError when the end is before the start.
 *
 * A day begins as `startOfDay` says, so it may have any length, and a day that the zone skipped is not there. A week
 * begins on Monday. An hour begins where the clock shows a full hour or leaps into another one: an hour that the clock
 * repeats is there twice, and where the clock moves by half an hour there is one hour of 30 or of 90 minutes.
 */
export function cutLocal(period: LocalPeriod, start: Date, end: Date, zone: TimeZone): Range[] {
  if (!(start <= end)) throw new RangeError('A window must not end before it starts.');
  const ranges: Range[] = [];
  let from = start;
  for (const boundary of period === 'hour' ? hourStarts(start, zone) : dayStarts(period, start, zone)) {
    if (boundary >= end) break;
    ranges.push({ start: from, end: boundary });
    from = boundary;
  }
  return from < end ? [...ranges, { start: from, end }] : ranges;
}

const hourMs = 3_600_000;

/** Every start of an hour after the instant, without end. */
function* hourStarts(after: Date, zone: TimeZone): Generator<Date> {
  let now = zoned(after.getTime(), zone);
  let change = now.getTimeZoneTransition('next');
  for (;;) {
    const intoHour = now.minute * 60_000 + now.second * 1000 + now.millisecond;
    const fullHour = now.epochMilliseconds + hourMs - intoHour;
    if (change && change.epochMilliseconds <= fullHour) {
      const before = now;
      now = change;
      change = now.getTimeZoneTransition('next');
      // Where the clock only repeats or skips a part of the hour, it stays in it.
      if (now.hour === before.hour && !startsHour(now)) continue;
    } else {
      now = zoned(fullHour, zone);
    }
    yield new Date(now.epochMilliseconds);
  }
}

function startsHour({ minute, second, millisecond }: Temporal.ZonedDateTime): boolean {
  return minute === 0 && second === 0 && millisecond === 0;
}

/** Every start of a day, week or month after the instant, without end. */
function* dayStarts(period: 'day' | 'week' | 'month', after: Date, zone: TimeZone): Generator<Date> {
  const today = zoned(after.getTime(), zone).toPlainDate();
  let day = firstDay(period, today);
  let last = after;
  for (;;) {
    day = day.add({ [`${period}s`]: 1 });
    const start = startOf(day, zone);
    // A skipped day begins with the next one; and where the clock went back over midnight, today may have begun already.
    if (start <= last) continue;
    yield start;
    last = start;
  }
}

function firstDay(period: 'day' | 'week' | 'month', day: Temporal.PlainDate): Temporal.PlainDate {
  switch (period) {
    case 'day':
      return day;
    case 'week':
      return day.subtract({ days: day.dayOfWeek - 1 });
    case 'month':
      return day.with({ day: 1 });
  }
}

function zoned(epochMilliseconds: number, zone: TimeZone): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(epochMilliseconds).toZonedDateTimeISO(zone);
}
