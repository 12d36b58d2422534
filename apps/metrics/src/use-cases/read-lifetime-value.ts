import type { Range } from '@parley/calendar';
import { cohortsOf, lifetimeValues } from '@parley/kpi';
import type { CohortActivity, LifetimeCohort, LifetimeValues } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { readMemberRevenue } from '../storage/member-revenue.sql.ts';
import type { MemberRevenue } from '../storage/member-revenue.sql.ts';
import { inMemberSpace } from '../storage/member-set.ts';
import type { LiveMembers, MemberSpace } from '../storage/member-set.ts';
import { cohortPeriods } from './cohort-periods.ts';
import { readCohortMembers } from './read-cohorts.ts';
import type { CohortQuestion } from './read-cohorts.ts';

/** A question about what members bring. */
export interface LifetimeQuestion extends CohortQuestion {
  /** How many periods after the first are told. */
  readonly periodCount: number;
  /** What is left of the revenue, 0 to 1. */
  readonly margin: number;
}

/** What members bring. */
export interface LifetimeAnswer {
  readonly beginnings: readonly Range[];
  readonly memberCounts: readonly number[];
  readonly values: LifetimeValues;
  readonly watermark: ProjectionWatermark;
}

/**
 * What the members who began in a window have brought, in one snapshot. Throws as the reader does, and DomainError
 * `invalid-argument` TOO_MANY_PERIODS, `resource-exhausted` TOO_MANY_ROWS.
 */
export async function readLifetimeValue(
  reader: ProjectionReader,
  question: LifetimeQuestion,
): Promise<LifetimeAnswer> {
  const { window, currencyCode, periodCount, margin } = question;
  const time = cohortPeriods(window, { ...question, after: periodCount });
  const instants = [window.start, ...time.periods.map(({ end }) => end)];
  return reader.read(question, (snapshot) =>
    inMemberSpace(async (space) => {
      const { tx, generation, watermark } = snapshot;
      const members = await readCohortMembers(snapshot, question, time, space);
      const cohorts = cohortsOf(members, space);
      const revenue = await readMemberRevenue(tx, { ...question, generation }, instants, currencyCode);
      const memberCounts = cohorts.map(space.count);
      const net = revenueByCohort(cohorts.map(space.ordinalsOf), revenue, periodCount);
      const values = lifetimeValues({
        currencyCode,
        cohorts: memberCounts.map((memberCount, index): LifetimeCohort => ({
          memberCount,
          netMinorUnits: net[index] ?? [],
        })),
        completedCount: members.completedCount,
        activity: activityOf(cohorts, members, periodCount, space),
        margin,
      });
      return { beginnings: time.beginnings, memberCounts, values, watermark };
    }),
  );
}

/** By cohort and period after its beginning. What members brought before they began belongs to none. */
function revenueByCohort(
  cohorts: readonly Uint32Array[],
  revenue: readonly MemberRevenue[],
  periodCount: number,
): readonly (readonly bigint[])[] {
  const last = cohorts.reduce((highest, ordinals) => Math.max(highest, ordinals.at(-1) ?? 0), 0);
  // By ordinal, from 1 on; 0 is none.
  const cohortOf = new Uint16Array(last + 1);
  for (const [index, ordinals] of cohorts.entries()) {
    for (const ordinal of ordinals) cohortOf[ordinal] = index + 1;
  }
  const net = cohorts.map(() => Array.from({ length: periodCount + 1 }, () => 0n));
  for (const { position, memberOrdinal, netMinorUnits } of revenue) {
    const cohort = (cohortOf[memberOrdinal] ?? 0) - 1;
    const periods = net[cohort];
    const period = position - cohort;
    if (periods?.[period] !== undefined) periods[period] += netMinorUnits;
  }
  return net;
}

/** Who of each cohort was there in each of its periods that is over, and in the next one, as far as that is told. */
function activityOf(
  cohorts: readonly LiveMembers[],
  { periods, completedCount }: { readonly periods: readonly LiveMembers[]; readonly completedCount: number },
  periodCount: number,
  { countCommon, countInBoth }: MemberSpace,
): readonly CohortActivity[] {
  return cohorts.flatMap((began, cohort) => {
    const told = periods.slice(cohort, Math.min(cohort + periodCount + 1, completedCount));
    return told.map((members, index) => {
      const next = told[index + 1];
      return {
        activeCount: countCommon(began, [members]),
        stayedCount: next === undefined ? undefined : countInBoth(began, members, next),
      };
    });
  });
}
