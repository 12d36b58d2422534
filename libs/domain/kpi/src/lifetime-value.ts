import { fromMinorUnits } from '@parley/event';
import { defineKpi, evaluateKpi, quotient } from './kpi-definition.ts';
import type { KpiValue } from './kpi-value.ts';

/** What lifetime values are computed from. Amounts are in minor units of one currency, refunds taken off. */
export interface LifetimeInput {
  readonly currencyCode: string;
  /** The cohorts, one for each period that members may have begun in. */
  readonly cohorts: readonly LifetimeCohort[];
  /** How many of the periods, counted from that of the first cohort, are over. */
  readonly completedCount: number;
  /** For each cohort and each of its periods that is over, in any order. */
  readonly activity: readonly CohortActivity[];
  /** What is left of the revenue, 0 to 1. */
  readonly margin: number;
}

/** Who of a cohort was there in a period. */
export interface CohortActivity {
  readonly activeCount: number;
  /** Who of them was also there in the next one. Undefined: that is not over, or not told. */
  readonly stayedCount: number | undefined;
}

/** Members who began in the same period, and what they brought in it and in each after it. */
export interface LifetimeCohort {
  readonly memberCount: number;
  readonly netMinorUnits: readonly bigint[];
}

/** What cohorts have brought, and what a member may bring. */
export interface LifetimeValues {
  /** For each cohort, by period after the beginning. Undefined: the period is not over. */
  readonly cohorts: readonly (readonly (KpiValue | undefined)[])[];
  /** All cohorts together: in each period only those for which it is over. */
  readonly overall: readonly (KpiValue | undefined)[];
  readonly revenuePerPeriod: KpiValue;
  readonly churnRate: KpiValue;
  /** Undefined: nobody leaves, or nothing is known of it. */
  readonly expected: KpiValue | undefined;
}

/** What a cohort has brought. It assumes nothing. */
export const cohortLifetimeValue = defineKpi<
  readonly [sum: { readonly net: number; readonly memberCount: number }]
>({
  definitionId: 'parley.v1/cohort_lifetime_value',
  group: 'analyses',
  description: 'What a member of a cohort has brought by the end of a period after the beginning.',
  formula:
    'Value of the conversions of the cohort’s members, less refunds at the time of the refund, from the start of the ' +
    'period in which they began to the end of the one that is meant, by the members of the cohort, payers or not. In ' +
    'units of the tenant’s currency; other currencies are left out. Not told before the period is over.',
  unit: 'money',
  source: 'definition D14',
  isProportion: false,
  parts: ({ net, memberCount }) => quotient(net, memberCount),
});

/** What a member who is there brings in a period. */
export const cohortRevenuePerPeriod = defineKpi<
  readonly [sum: { readonly net: number; readonly activeCount: number }]
>({
  definitionId: 'parley.v1/cohort_revenue_per_period',
  group: 'analyses',
  description: 'What a member of the cohorts who is there brings in a period.',
  formula:
    'Net revenue of the cohorts’ members in the periods that are over, by the sum over these periods of the members ' +
    'who were there in each. Nobody was: no data.',
  unit: 'money',
  source: 'definition D14',
  isProportion: false,
  parts: ({ net, activeCount }) => quotient(net, activeCount),
});

/** Who leaves. */
export const cohortChurnRate = defineKpi<
  readonly [counts: { readonly lostCount: number; readonly thereCount: number }]
>({
  definitionId: 'parley.v1/cohort_churn_rate',
  group: 'analyses',
  description: 'Share of the members of the cohorts who were there in a period and not in the next.',
  formula:
    'Sum over the periods that are over, as is the next one, of the members who were there and not in the next one, by ' +
    'the sum of those who were there. Nobody was: no data.',
  unit: 'rate',
  source: 'definitions D9, D14',
  isProportion: true,
  parts: ({ lostCount, thereCount }) => quotient(lostCount, thereCount),
});

/** A forecast by the common formula. */
export const expectedLifetimeValue = defineKpi<
  readonly [
    parts: {
      readonly revenuePerPeriod: number;
      readonly margin: number;
      readonly churnRate: number;
      readonly sampleSize: number;
    },
  ]
>({
  definitionId: 'parley.v1/expected_lifetime_value',
  group: 'analyses',
  description: 'What a member may bring in all, if nothing changes: a forecast.',
  formula:
    '`cohort_revenue_per_period` times the margin by `cohort_churn_rate`. Absent where nobody leaves, since then it has ' +
    'no bound, and where nothing is known of it.',
  unit: 'money',
  source: 'definition D14: ARPU × margin / churn',
  isProportion: false,
  parts: ({ revenuePerPeriod, margin, churnRate, sampleSize }) => ({
    ...quotient(revenuePerPeriod * margin, churnRate),
    sampleSize,
  }),
});

/**
 * What members of cohorts have brought, and what one may bring.
 *
 * Definition D14.
 */
export function lifetimeValues(input: LifetimeInput): LifetimeValues {
  const { currencyCode, cohorts, completedCount, activity, margin } = input;
  const periodCount = Math.max(0, ...cohorts.map(({ netMinorUnits }) => netMinorUnits.length));
  const isOver = (cohort: number, period: number) => cohort + period < completedCount;
  const sums = cohorts.map(({ netMinorUnits }) => cumulated(netMinorUnits));
  const inUnits = (minorUnits: bigint) => fromMinorUnits(minorUnits, currencyCode);
  const valueOf = (net: bigint, memberCount: number) =>
    evaluateKpi(cohortLifetimeValue, { net: inUnits(net), memberCount });
  const overall = Array.from({ length: periodCount }, (_, period) => {
    const mature = cohorts.flatMap(({ memberCount }, cohort) =>
      isOver(cohort, period) ? [{ memberCount, net: sums[cohort]?.[period] ?? 0n }] : [],
    );
    if (mature.length === 0) return undefined;
    return valueOf(
      mature.reduce((sum, { net }) => sum + net, 0n),
      mature.reduce((sum, { memberCount }) => sum + memberCount, 0),
    );
  });
  const net = cohorts
    .flatMap(({ netMinorUnits }, cohort) => netMinorUnits.filter((_, period) => isOver(cohort, period)))
    .reduce((sum, value) => sum + value, 0n);
  const activeCount = activity.reduce((sum, period) => sum + period.activeCount, 0);
  const followed = activity.flatMap((period) =>
    period.stayedCount === undefined ? [] : [{ ...period, stayedCount: period.stayedCount }],
  );
  const thereCount = followed.reduce((sum, period) => sum + period.activeCount, 0);
  const stayedCount = followed.reduce((sum, period) => sum + period.stayedCount, 0);
  const revenuePerPeriod = evaluateKpi(cohortRevenuePerPeriod, { net: inUnits(net), activeCount });
  const churnRate = evaluateKpi(cohortChurnRate, { lostCount: thereCount - stayedCount, thereCount });
  return {
    cohorts: cohorts.map(({ memberCount, netMinorUnits }, cohort) =>
      netMinorUnits.map((_, period) =>
        isOver(cohort, period) ? valueOf(sums[cohort]?.[period] ?? 0n, memberCount) : undefined,
      ),
    ),
    overall,
    revenuePerPeriod,
    churnRate,
    expected:
      churnRate.value > 0
        ? evaluateKpi(expectedLifetimeValue, {
            revenuePerPeriod: revenuePerPeriod.value,
            margin,
            churnRate: churnRate.value,
            sampleSize: thereCount,
          })
        : undefined,
  };
}

function cumulated(values: readonly bigint[]): readonly bigint[] {
  let sum = 0n;
  return values.map((value) => (sum += value));
}
