import type { Members } from './audience.ts';

/** How a return is counted: in the very period, in it or any later one, or in ranges of periods that begin at these. */
export type RetentionMode = 'exact' | 'unbounded' | { readonly bracketStarts: readonly number[] };

/** What retention is computed from. */
export interface RetentionInput {
  /** Members by period, one after the other without gaps; each with who was there in it. */
  readonly periods: readonly Members[];
  /** Who was there before the first period: they are of no cohort. */
  readonly known: Members;
  /** How many of the periods members may begin in, from the first on. */
  readonly cohortCount: number;
  /** How many of the periods are over, from the first on. */
  readonly completedCount: number;
  readonly mode: RetentionMode;
  /** How many periods after that of the beginning are told; not used with brackets. */
  readonly periodCount: number;
}

/** Members who began in the same period. */
export interface Cohort {
  /** The period's place among the periods. */
  readonly period: number;
  readonly memberCount: number;
  readonly cells: readonly RetentionCell[];
}

/** How many came back in some periods after that in which they began. */
export interface RetentionCell {
  /** The first period that is meant; 0 is that of the beginning. */
  readonly start: number;
  /** The period after the last that is meant. Undefined: there is no last one. */
  readonly end: number | undefined;
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
export function cohortRetention(input: RetentionInput): Retention {
  const { periods, known, cohortCount, completedCount, mode } = input;
  const ranges = rangesOf(input);
  const seen = new Set(known);
  const sets = periods.map((members) => new Set(members));
  const cohorts = periods.slice(0, cohortCount).map((members, period): Cohort => {
    const began = [...members].filter((member) => !seen.has(member));
    for (const member of began) seen.add(member);
    const cells = ranges.map(({ start, end }): RetentionCell => {
      const matureAt = mode === 'unbounded' || end === undefined ? start + 1 : end;
      const isMature = period + matureAt <= completedCount;
      const later = sets.slice(period + start, end === undefined ? undefined : period + end);
      const returned = () => began.filter((member) => later.some((set) => set.has(member))).length;
      return {
        start,
        end,
        memberCount: began.length,
        returnedCount: isMature ? returned() : undefined,
      };
    });
    return { period, memberCount: began.length, cells };
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

interface PeriodRange {
  readonly start: number;
  readonly end: number | undefined;
}

function rangesOf({ mode, periodCount }: RetentionInput): readonly PeriodRange[] {
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
