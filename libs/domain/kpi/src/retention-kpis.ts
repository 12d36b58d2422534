import type { RetentionCell, RetentionMode } from './cohort-retention.ts';
import { defineKpi, evaluateKpi, quotient } from './kpi-definition.ts';
import type { KpiDefinition } from './kpi-definition.ts';
import type { KpiValue } from './kpi-value.ts';

type Counts = readonly [counts: { readonly returnedCount: number; readonly memberCount: number }];

const define = (name: string, description: string, returned: string): KpiDefinition<Counts> =>
  defineKpi<Counts>({
    definitionId: `parley.v1/${name}`,
    group: 'analyses',
    description,
    formula:
      `Members of the cohort with an interaction ${returned}, by all members of the cohort. A cohort is the members ` +
      'whose first interaction ever, in the scope that is asked for, was in the same day, week or month of the time ' +
      'zone. Not told before the periods are over. Nobody began: no data.',
    unit: 'rate',
    source: 'definition D9',
    isProportion: true,
    parts: ({ returnedCount, memberCount }) => quotient(returnedCount, memberCount),
  });

/** Back in a period. */
export const exactRetentionRate = define(
  'exact_retention_rate',
  'Share of a cohort that came back in the very period.',
  'in the period',
);

/** Back in a period or later. */
export const unboundedRetentionRate = define(
  'unbounded_retention_rate',
  'Share of a cohort that came back in the period or any later one.',
  'in the period or one after it, up to the last that is read, which may grow',
);

/** Back in some periods. */
export const bracketRetentionRate = define(
  'bracket_retention_rate',
  'Share of a cohort that came back in a range of periods.',
  'in one of the periods of the range',
);

/** The share that a cell tells; undefined while it can't. */
export function cohortRetentionRate(
  mode: RetentionMode,
  { returnedCount, memberCount }: RetentionCell,
): KpiValue | undefined {
  if (returnedCount === undefined) return undefined;
  return evaluateKpi(definitionOf(mode), { returnedCount, memberCount });
}

function definitionOf(mode: RetentionMode): KpiDefinition<Counts> {
  if (mode === 'exact') return exactRetentionRate;
  return mode === 'unbounded' ? unboundedRetentionRate : bracketRetentionRate;
}
