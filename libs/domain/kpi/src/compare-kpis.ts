import { compareCounts, compareProportions, welchTest } from '@parley/statistics';
import type { Interval, Moments } from '@parley/statistics';
import type { KpiValue } from './kpi-value.ts';

/** What tells how much a figure varies by chance; undefined: nothing does. */
export type ChangeEvidence =
  /** A share: its numerator and denominator do. */
  | { readonly kind: 'proportion' }
  /** A mean, with the moments of its values in the unit of the figure. */
  | { readonly kind: 'mean'; readonly now: Moments; readonly before: Moments }
  /** A number of things that happen independently of each other, with how long both windows are. */
  | { readonly kind: 'count'; readonly nowMs: number; readonly beforeMs: number };

/** A figure against what it was. */
export interface KpiChange {
  /** The figure less what it was. */
  readonly change: number;
  /** The change by what it was; 0 where that is 0. */
  readonly relativeChange: number;
  /** How far the change may be off by chance, at 95 %. Undefined where there are too few data points. */
  readonly interval: Interval | undefined;
  /** The probability of a change at least as large when nothing changed, two-sided. Undefined as the interval is. */
  readonly pValue: number | undefined;
  /** Whether the interval excludes 0. */
  readonly isSignificant: boolean;
  readonly method: 'newcombe' | 'welch' | 'poisson' | undefined;
}

/**
 * Whether a figure changed by more than noise between two windows of different events. Two shares by Newcombe's interval,
 * two means by Welch's, two counts as Poisson rates over the windows' lengths: the change of a count is then that against
 * what the earlier rate would have brought in the later window's time.
 */
export function compareKpis(
  now: KpiValue,
  before: KpiValue,
  evidence: ChangeEvidence | undefined,
): KpiChange {
  const change = now.value - before.value;
  const unjudged: KpiChange = {
    change,
    relativeChange: before.value === 0 ? 0 : change / before.value,
    interval: undefined,
    pValue: undefined,
    isSignificant: false,
    method: undefined,
  };
  if (evidence === undefined || !now.hasData || !before.hasData) return unjudged;
  const judged = (method: KpiChange['method'], interval: Interval, pValue: number): KpiChange => ({
    ...unjudged,
    interval,
    pValue,
    isSignificant: interval.lower > 0 || interval.upper < 0,
    method,
  });
  switch (evidence.kind) {
    case 'proportion': {
      const { interval, pValue } = compareProportions(
        { successes: now.numerator, trials: now.denominator },
        { successes: before.numerator, trials: before.denominator },
      );
      return judged('newcombe', interval, pValue);
    }
    case 'mean': {
      if (evidence.now.count < 2 || evidence.before.count < 2) return unjudged;
      const { interval, pValue } = welchTest(evidence.now, evidence.before);
      return judged('welch', interval, pValue);
    }
    case 'count': {
      const compared = compareCounts(
        { count: now.value, time: evidence.nowMs },
        { count: before.value, time: evidence.beforeMs },
      );
      // Against nothing no ratio has an upper bound.
      if (compared === undefined || before.value === 0) return unjudged;
      const { interval, pValue } = compared;
      const expected = (before.value * evidence.nowMs) / evidence.beforeMs;
      const inThings = (ratio: number): number => (ratio - 1) * expected;
      return judged(
        'poisson',
        { lower: inThings(interval.lower), upper: inThings(interval.upper), level: interval.level },
        pValue,
      );
    }
  }
}
