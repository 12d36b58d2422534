/** How sets of members are reckoned with, in whatever form they are kept. */
export interface MemberSets<Members> {
  /** How many members are in it. */
  readonly count: (members: Members) => number;
  /** How many of them are in one of the others. */
  readonly countCommon: (members: Members, others: readonly Members[]) => number;
  /** Everybody who is in one of them. */
  readonly unite: (sets: readonly Members[]) => Members;
  /** Who is in the first and not in the second. */
  readonly without: (members: Members, others: Members) => Members;
}

/** How a return is counted: in the very period, in it or any later one, or in ranges of periods that begin at these. */
export type RetentionMode = 'exact' | 'unbounded' | { readonly bracketStarts: readonly number[] };

/** What retention is told of. */
export interface RetentionShape {
  readonly mode: RetentionMode;
  /** How many periods after that of the beginning are told; not used with brackets. */
  readonly periodCount: number;
}

/** What retention is computed from. */
export interface RetentionInput<Members> extends RetentionShape {
  /** For each cohort who was there in its period, or in that part of it in which members may begin. */
  readonly beginnings: readonly Members[];
  /**
   * Who was there, by period, from that of the first cohort on, one after the other without gaps; at least as many as
   * there are cohorts.
   */
  readonly periods: readonly Members[];
  /** Who was there before the first period: they are of no cohort. */
  readonly known: Members;
  /** How many of the periods are over, from the first on. */
  readonly completedCount: number;
}

/** Members who began in the same period. */
export interface Cohort {
  /** The period's place among the periods. */
  readonly period: number;
  readonly memberCount: number;
  readonly cells: readonly RetentionCell[];
}

/** Some periods after that in which a cohort began. */
export interface PeriodRange {
  /** The first period that is meant; 0 is that of the beginning. */
  readonly start: number;
  /** The period after the last that is meant. Undefined: there is no last one. */
  readonly end: number | undefined;
}

/** How many came back in some periods after that in which they began. */
export interface RetentionCell extends PeriodRange {
  /** Of how many members who are long enough known. */
  readonly memberCount: number;
  /** Undefined where the periods are not over, of the cohort or of all cohorts: a 0 would be a claim. */
  readonly returnedCount: number | undefined;
}

/** Retention of cohorts, and of all together: in each cell only those that are mature there. */
export interface Retention {
  readonly cohorts: readonly Cohort[];
  readonly overall: readonly RetentionCell[];
}

/**
 * Who of each cohort came back. A member's cohort is the period in which they were there for the first time. A cell is
 * mature when its periods are over; unbounded, when its first one is, and then it may still grow.
 *
 * Definition D9.
 */
export function cohortRetention<Members>(
  input: RetentionInput<Members>,
  sets: MemberSets<Members>,
): Retention {
  const { periods, completedCount, mode } = input;
  const ranges = retentionRanges(input);
  // Unbounded: who was there in a period or any later one.
  const since = periods.slice();
  if (mode === 'unbounded') {
    for (let period = periods.length - 2; period >= 0; period -= 1) {
      since[period] = sets.unite(since.slice(period, period + 2));
    }
  }
  const cohorts = cohortsOf(input, sets).map((began, period): Cohort => {
    const memberCount = sets.count(began);
    const cells = ranges.map(({ start, end }): RetentionCell => {
      const matureAt = period + (end ?? start + 1);
      const returned = (): number =>
        sets.countCommon(began, since.slice(period + start, period + (end ?? start + 1)));
      return { start, end, memberCount, returnedCount: matureAt <= completedCount ? returned() : undefined };
    });
    return { period, memberCount, cells };
  });
  const overall = ranges.map(({ start, end }, index): RetentionCell => {
    const mature = cohorts.flatMap(({ cells }) => {
      const cell = cells[index];
      return cell?.returnedCount === undefined ? [] : [{ ...cell, returnedCount: cell.returnedCount }];
    });
    return {
      start,
      end,
      memberCount: mature.reduce((sum, { memberCount }) => sum + memberCount, 0),
      returnedCount:
        mature.length === 0 ? undefined : mature.reduce((sum, { returnedCount }) => sum + returnedCount, 0),
    };
  });
  return { cohorts, overall };
}

/** Who began in each of the periods: who was there in it, and never before. */
export function cohortsOf<Members>(
  { beginnings, known }: Pick<RetentionInput<Members>, 'beginnings' | 'known'>,
  { unite, without }: MemberSets<Members>,
): readonly Members[] {
  let seen = known;
  return beginnings.map((members) => {
    const began = without(members, seen);
    seen = unite([seen, began]);
    return began;
  });
}

/** Which periods after the beginning are told, in their order. */
export function retentionRanges({ mode, periodCount }: RetentionShape): readonly PeriodRange[] {
  if (typeof mode === 'object') {
    return mode.bracketStarts.map((start, index, starts) => {
      const next = starts[index + 1];
      // The last bracket is as long as the one before it; a single one lasts a period.
      return { start, end: next ?? start + (index === 0 ? 1 : start - (starts[index - 1] ?? start)) };
    });
  }
  return Array.from({ length: periodCount + 1 }, (_, start) => ({
    start,
    end: mode === 'exact' ? start + 1 : undefined,
  }));
}
