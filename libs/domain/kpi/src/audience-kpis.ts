import { activeDayDistribution, lifecycleOf } from './audience.ts';
import type { Lifecycle, Members } from './audience.ts';
import { countOf, defineKpi, evaluateKpi } from './kpi-definition.ts';
import type { KpiParts } from './kpi-definition.ts';
import type { KpiValue } from './kpi-value.ts';

/** How many were there. */
export interface AudienceFacts {
  /** Interactions of the window, anonymous ones included. */
  readonly interactionCount: number;
  /** Different members of each of the window's days; of one that the window holds in part, those of that part. */
  readonly dayCounts: readonly number[];
  /** Different members of the 7 days up to the window's end. */
  readonly weekCount: number;
  /** Different members of the 30 days up to the window's end. */
  readonly monthCount: number;
}

/** Who was there, in the window and before it. */
export interface LifecycleFacts {
  /** Interactions of the window, anonymous ones included. */
  readonly interactionCount: number;
  /** Members of each of the window's days. */
  readonly days: readonly Members[];
  /** Members of the window. */
  readonly window: Members;
  /** Those of the window of the same length before it. */
  readonly before: Members;
  /** Those of all time before the window. */
  readonly ever: Members;
}

type Input = readonly [facts: AudienceFacts];
type LifecycleInput = readonly [facts: LifecycleFacts];

/** Who is there on a day. */
export const dau = defineKpi<Input>({
  definitionId: 'parley.v1/dau',
  group: 'audience',
  description: 'Mean over the window’s days of the different members of the day.',
  formula:
    'Sum over the days of the time zone of the day’s different members, by the number of days; a day that the window ' +
    'holds in part counts by that part. No interactions: no data.',
  unit: 'count',
  source: 'definitions D10, D19',
  isProportion: false,
  parts: dauParts,
});

/** Who is there in a week. */
export const wau = defineKpi<Input>({
  definitionId: 'parley.v1/wau',
  group: 'audience',
  description: 'Different members of the 7 days of 24 hours up to the window’s end.',
  formula:
    'Number of different members of the interactions in these days. Nobody, and no interactions: no data.',
  unit: 'count',
  source: 'definition D10',
  isProportion: false,
  parts: ({ weekCount, interactionCount }) =>
    countOf(weekCount, weekCount, weekCount > 0 || interactionCount > 0),
});

/** Who is there in a month. */
export const mau = defineKpi<Input>({
  definitionId: 'parley.v1/mau',
  group: 'audience',
  description: 'Different members of the 30 days of 24 hours up to the window’s end.',
  formula:
    'Number of different members of the interactions in these days. Nobody, and no interactions: no data.',
  unit: 'count',
  source: 'definition D10',
  isProportion: false,
  parts: ({ monthCount, interactionCount }) =>
    countOf(monthCount, monthCount, monthCount > 0 || interactionCount > 0),
});

/** How many days of a month a member is there. */
export const stickiness = defineKpi<Input>({
  definitionId: 'parley.v1/stickiness',
  group: 'audience',
  description: '`dau` by `mau`; above 1 where a short window was busier than its month.',
  formula: '`dau` by `mau`. Nobody in the 30 days up to the window’s end: no data.',
  unit: 'rate',
  source: 'definition D10',
  isProportion: false,
  parts: (facts) => {
    const { numerator, denominator } = dauParts(facts);
    const size = facts.monthCount;
    return {
      numerator: denominator > 0 ? numerator / denominator : 0,
      denominator: size,
      sampleSize: size,
      hasData: size > 0,
    };
  },
});

const lifecycleSource = 'definition D10; PostHog’s lifecycle';

/** Who came for the first time. */
export const newMembers = defineKpi<LifecycleInput>({
  definitionId: 'parley.v1/new_members',
  group: 'audience',
  description: 'Members of the window who were never seen before it.',
  formula: 'Number of the window’s members without an interaction before it. No interactions: no data.',
  unit: 'count',
  source: lifecycleSource,
  isProportion: false,
  parts: (facts) => lifecycleParts(facts, 'newCount'),
});

/** Who stayed. */
export const returningMembers = defineKpi<LifecycleInput>({
  definitionId: 'parley.v1/returning_members',
  group: 'audience',
  description: 'Members of the window who were also seen in the window of the same length before it.',
  formula: 'Number of the members of both windows. No interactions: no data.',
  unit: 'count',
  source: lifecycleSource,
  isProportion: false,
  parts: (facts) => lifecycleParts(facts, 'returningCount'),
});

/** Who came back. */
export const resurrectedMembers = defineKpi<LifecycleInput>({
  definitionId: 'parley.v1/resurrected_members',
  group: 'audience',
  description:
    'Members of the window who were seen before, but not in the window of the same length before it.',
  formula: 'The window’s members less `new_members` and `returning_members`. No interactions: no data.',
  unit: 'count',
  source: lifecycleSource,
  isProportion: false,
  parts: (facts) => lifecycleParts(facts, 'resurrectedCount'),
});

/** Who stayed away. */
export const dormantMembers = defineKpi<LifecycleInput>({
  definitionId: 'parley.v1/dormant_members',
  group: 'audience',
  description: 'Members of the window of the same length before it who were not seen in it.',
  formula: 'The members of the window before less `returning_members`. None, and no interactions: no data.',
  unit: 'count',
  source: lifecycleSource,
  isProportion: false,
  parts: (facts) => lifecycleParts(facts, 'dormantCount'),
});

/** The figures about who was there. */
export interface AudienceKpis {
  readonly dau: KpiValue;
  readonly wau: KpiValue;
  readonly mau: KpiValue;
  readonly stickiness: KpiValue;
}

/** The figures about who came, stayed and went. */
export interface LifecycleKpis {
  readonly newMembers: KpiValue;
  readonly returningMembers: KpiValue;
  readonly resurrectedMembers: KpiValue;
  readonly dormantMembers: KpiValue;
  /** How many members were active on so many of the window's days, from 1 day on; numbers of days without members too. */
  readonly activeDayDistribution: readonly { readonly label: string; readonly count: number }[];
}

/** The figures of these facts. */
export function audienceKpis(facts: AudienceFacts): AudienceKpis {
  return {
    dau: evaluateKpi(dau, facts),
    wau: evaluateKpi(wau, facts),
    mau: evaluateKpi(mau, facts),
    stickiness: evaluateKpi(stickiness, facts),
  };
}

/** The figures of these facts. */
export function lifecycleKpis(facts: LifecycleFacts): LifecycleKpis {
  return {
    newMembers: evaluateKpi(newMembers, facts),
    returningMembers: evaluateKpi(returningMembers, facts),
    resurrectedMembers: evaluateKpi(resurrectedMembers, facts),
    dormantMembers: evaluateKpi(dormantMembers, facts),
    activeDayDistribution: activeDayDistribution(facts.days)
      .map((count, days) => ({ label: String(days), count }))
      .slice(1),
  };
}

function dauParts({ dayCounts, interactionCount }: AudienceFacts): KpiParts {
  const sum = dayCounts.reduce((total, count) => total + count, 0);
  return { numerator: sum, denominator: dayCounts.length, sampleSize: sum, hasData: interactionCount > 0 };
}

function lifecycleParts(facts: LifecycleFacts, counter: keyof Lifecycle): KpiParts {
  const { window, before, ever, interactionCount } = facts;
  const count = lifecycleOf(window, before, ever)[counter];
  return countOf(count, window.length, count > 0 || interactionCount > 0);
}
