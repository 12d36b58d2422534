import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type {
  AttributionCreditSchema,
  CohortSchema,
  FunnelStepSchema,
  LifetimeCellSchema,
  LifetimeCohortSchema,
  RetentionCellSchema,
} from '@parley/contracts/parley/metrics/v1/analysis_service';
import type { KpiValueSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import { cohortRetentionRate } from '@parley/kpi';
import type { FunnelStepKpis, KpiValue, RetentionCell, RetentionMode } from '@parley/kpi';
import type { Credit } from '../use-cases/read-attribution.ts';
import type { RetentionAnswer } from '../use-cases/read-cohorts.ts';
import type { LifetimeAnswer } from '../use-cases/read-lifetime-value.ts';
import { toValue } from './kpi-messages.ts';

/** Who came back. */
export function toRetention(
  { cohorts, overall, beginnings }: RetentionAnswer,
  mode: RetentionMode,
): {
  readonly cohorts: MessageInitShape<typeof CohortSchema>[];
  readonly overall: MessageInitShape<typeof RetentionCellSchema>[];
} {
  const toCell = (cell: RetentionCell): MessageInitShape<typeof RetentionCellSchema> => {
    const rate = cohortRetentionRate(mode, cell);
    return {
      periodStart: cell.start,
      periodEnd: cell.end ?? 0,
      ...(rate !== undefined && { rate: toValue(rate) }),
    };
  };
  return {
    cohorts: cohorts.map(({ memberCount, cells }, index) => ({
      ...toBeginning(beginnings[index]),
      memberCount: BigInt(memberCount),
      cells: cells.map(toCell),
    })),
    overall: overall.map(toCell),
  };
}

/** What members bring. */
export function toLifetime({ beginnings, memberCounts, values }: LifetimeAnswer): {
  readonly cohorts: MessageInitShape<typeof LifetimeCohortSchema>[];
  readonly overall: MessageInitShape<typeof LifetimeCellSchema>[];
  readonly revenuePerPeriod: MessageInitShape<typeof KpiValueSchema>;
  readonly churnRate: MessageInitShape<typeof KpiValueSchema>;
  readonly expectedLifetimeValue?: MessageInitShape<typeof KpiValueSchema>;
} {
  const toCell = (
    value: KpiValue | undefined,
    period: number,
  ): MessageInitShape<typeof LifetimeCellSchema> => ({
    period,
    ...(value !== undefined && { value: toValue(value) }),
  });
  return {
    cohorts: values.cohorts.map((cells, index) => ({
      ...toBeginning(beginnings[index]),
      memberCount: BigInt(memberCounts[index] ?? 0),
      cells: cells.map(toCell),
    })),
    overall: values.overall.map(toCell),
    revenuePerPeriod: toValue(values.revenuePerPeriod),
    churnRate: toValue(values.churnRate),
    ...(values.expected !== undefined && { expectedLifetimeValue: toValue(values.expected) }),
  };
}

/** How far members came. */
export function toFunnelStep({
  name,
  memberCount,
  stepRate,
  overallRate,
  medianDurationMs,
}: FunnelStepKpis): MessageInitShape<typeof FunnelStepSchema> {
  return {
    name,
    memberCount: BigInt(memberCount),
    stepRate: toValue(stepRate),
    overallRate: toValue(overallRate),
    ...(medianDurationMs !== undefined && { medianDurationMs }),
  };
}

/** What one value of a dimension earned. */
export function toCredit({
  value,
  currencyCode,
  minorUnits,
  conversions,
}: Credit): MessageInitShape<typeof AttributionCreditSchema> {
  return {
    dimensionValue: value,
    currencyCode,
    creditMinorUnits: minorUnits,
    conversionCredit: conversions,
  };
}

function toBeginning(range: { readonly start: Date; readonly end: Date } | undefined) {
  return range === undefined
    ? {}
    : { start: timestampFromDate(range.start), end: timestampFromDate(range.end) };
}
