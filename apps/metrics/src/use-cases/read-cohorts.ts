import type { Range, TimeZone } from '@parley/calendar';
import { cohortRetention, retentionRanges } from '@parley/kpi';
import type { Retention, RetentionInput, RetentionShape } from '@parley/kpi';
import type { ProjectionReader, ProjectionSnapshot, ProjectionWatermark } from '@parley/projection';
import { readMembersOverTime } from '../storage/cohort-members.sql.ts';
import { inMemberSpace } from '../storage/member-set.ts';
import type { LiveMembers, MemberSpace } from '../storage/member-set.ts';
import { cohortPeriods, completedPeriods } from './cohort-periods.ts';
import type { CohortPeriod, CohortPeriods } from './cohort-periods.ts';
import type { KpiQuestion } from './kpi-question.ts';

/** A question about members who began in a window. */
export interface CohortQuestion extends KpiQuestion {
  readonly timeZone: TimeZone;
  readonly period: CohortPeriod;
}

/** A question about who of them came back. */
export interface RetentionQuestion extends CohortQuestion {
  readonly shape: RetentionShape;
}

/** Who came back. */
export interface RetentionAnswer extends Retention {
  /** When members of each cohort began. */
  readonly beginnings: readonly Range[];
  readonly watermark: ProjectionWatermark;
}

/**
 * Who of the members who began in a window came back, in one snapshot. Throws as the reader does, and DomainError
 * `invalid-argument` TOO_MANY_PERIODS.
 */
export async function readRetention(
  reader: ProjectionReader,
  question: RetentionQuestion,
): Promise<RetentionAnswer> {
  const { shape } = question;
  const after = Math.max(...retentionRanges(shape).map(({ start, end }) => (end ?? start + 1) - 1));
  const time = cohortPeriods(question.window, { ...question, after });
  return reader.read(question, (snapshot) =>
    inMemberSpace(async (space) => {
      const members = await readCohortMembers(snapshot, question, time, space);
      const retention = cohortRetention({ ...members, ...shape }, space);
      return { ...retention, beginnings: time.beginnings, watermark: snapshot.watermark };
    }),
  );
}

/** Whom a question about cohorts is about. */
export async function readCohortMembers(
  { tx, generation, watermark }: ProjectionSnapshot,
  question: CohortQuestion,
  time: CohortPeriods,
  space: MemberSpace,
): Promise<Pick<RetentionInput<LiveMembers>, 'beginnings' | 'periods' | 'known' | 'completedCount'>> {
  const { beginnings, periods } = time;
  const last = beginnings.length - 1;
  const ends = periods.map(({ end }) => end);
  const isPart = beginnings[last]?.end.getTime() !== ends[last]?.getTime();
  // The last cohort's period in two where the window ends inside it.
  const instants = [question.window.start, ...ends];
  if (isPart) instants.splice(last + 1, 0, question.window.end);
  const { before, between } = await readMembersOverTime(tx, { ...question, generation }, instants, space);
  return {
    known: before,
    beginnings: between.slice(0, beginnings.length),
    periods: isPart
      ? [...between.slice(0, last), space.unite(between.slice(last, last + 2)), ...between.slice(last + 2)]
      : between,
    completedCount: completedPeriods(time, watermark.completeTo),
  };
}
