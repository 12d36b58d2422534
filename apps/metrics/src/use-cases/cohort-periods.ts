import { cutLocal } from '@parley/calendar';
import type { Range, TimeZone } from '@parley/calendar';
import { invalidArgument } from '@parley/errors';

/** How long a period is. */
export type CohortPeriod = 'day' | 'week' | 'month';

/** The time that a question about cohorts is over. */
export interface CohortPeriods {
  /** When members of each cohort begin: its period, or the part of it that is in the window. */
  readonly beginnings: readonly Range[];
  /** The periods from that of the first cohort on: whole ones, but for the first one's start. */
  readonly periods: readonly Range[];
}

const dayMs = 86_400_000;
/** No period of any zone is longer: clocks go back by at most a day. */
const longestMs: Readonly<Record<CohortPeriod, number>> = {
  day: 2 * dayMs,
  week: 8 * dayMs,
  month: 32 * dayMs,
};
const maxPeriods = 400;

/**
 * The cohorts that begin in a window, and the periods up to so many after the last one's.
 * @throws DomainError `invalid-argument` TOO_MANY_PERIODS where that is more than can be read.
 */
export function cohortPeriods(
  { start, end }: Range,
  { period, timeZone, after }: { period: CohortPeriod; timeZone: TimeZone; after: number },
): CohortPeriods {
  const beginnings = cutLocal(period, start, end, timeZone);
  const count = beginnings.length + after;
  if (count > maxPeriods) {
    const description =
      `asks for ${count} periods, of ${beginnings.length} cohorts and ${after} after the last one; at most ` +
      `${maxPeriods} can be read: take longer periods, fewer of them, or a shorter window`;
    throw invalidArgument([{ field: 'window', description, reason: 'TOO_MANY_PERIODS' }]);
  }
  const far = new Date(end.getTime() + (after + 2) * longestMs[period]);
  return { beginnings, periods: cutLocal(period, start, far, timeZone).slice(0, count) };
}

/** How many of the periods are over, from the first on, where everything received until then is known. */
export function completedPeriods({ periods }: CohortPeriods, completeTo: Date): number {
  return periods.filter(({ end }) => end <= completeTo).length;
}
