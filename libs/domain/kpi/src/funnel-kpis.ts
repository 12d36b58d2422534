import type { FunnelStep } from './funnel.ts';
import { defineKpi, evaluateKpi, quotient } from './kpi-definition.ts';
import type { KpiDefinition } from './kpi-definition.ts';
import type { KpiValue } from './kpi-value.ts';

type Counts = readonly [reached: number, before: number];

const steps =
  'The steps are a member’s first interaction in the window; then a conversion that visited or purchased; then one ' +
  'with a completed checkout; then one that purchased: each at or after the one before, all within the time given.';

const define = (name: string, description: string, formula: string): KpiDefinition<Counts> =>
  defineKpi<Counts>({
    definitionId: `parley.v1/${name}`,
    group: 'analyses',
    description,
    formula: `${formula} ${steps} Nobody: no data.`,
    unit: 'rate',
    source: 'guide: outcome, checkout_completed; ruling A25',
    isProportion: true,
    parts: (reached, before) => quotient(reached, before),
  });

/** Who took the step. */
export const funnelStepRate = define(
  'funnel_step_rate',
  'Share of the members of the step before who took this one.',
  'Different members who came as far as this by those of the step before; of the first step by itself.',
);

/** Who came so far. */
export const funnelOverallRate = define(
  'funnel_overall_rate',
  'Share of the members of the first step who came as far as this.',
  'Different members who came as far as this by those of the first step.',
);

/** A step with its shares. */
export interface FunnelStepKpis extends FunnelStep {
  readonly stepRate: KpiValue;
  readonly overallRate: KpiValue;
}

/** The shares of each of the steps. */
export function funnelKpis(steps: readonly FunnelStep[]): readonly FunnelStepKpis[] {
  const first = steps[0]?.memberCount ?? 0;
  return steps.map((step, index) => ({
    ...step,
    stepRate: evaluateKpi(funnelStepRate, step.memberCount, steps[index - 1]?.memberCount ?? first),
    overallRate: evaluateKpi(funnelOverallRate, step.memberCount, first),
  }));
}
