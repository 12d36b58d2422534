import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { PositionSealer } from '@parley/access';
import type {
  CustomerExperienceKpisSchema,
  EngagementKpisSchema,
  KpiContextSchema,
  KpiDefinitionSchema,
  KpiValueSchema,
  OperationalKpisSchema,
  RealTimeMetricsSchema,
} from '@parley/contracts/parley/metrics/v1/kpi';
import { KpiUnit as KpiUnitNumber } from '@parley/contracts/parley/metrics/v1/kpi';
import {
  customerExperienceKpis,
  engagementKpis,
  operationalKpis,
  realTimeKpis,
  realTimeWindowSeconds,
} from '@parley/kpi';
import type { DistinctCounts, KpiDefinition, KpiState, KpiUnit, KpiValue } from '@parley/kpi';
import type { ProjectionWatermark } from '@parley/projection';

const units: Readonly<Record<KpiUnit, KpiUnitNumber>> = {
  count: KpiUnitNumber.COUNT,
  rate: KpiUnitNumber.RATE,
  milliseconds: KpiUnitNumber.MILLISECONDS,
  points: KpiUnitNumber.POINTS,
  per_minute: KpiUnitNumber.PER_MINUTE,
  money: KpiUnitNumber.MONEY,
  score: KpiUnitNumber.SCORE,
};

export function toCustomerExperience(state: KpiState): MessageInitShape<typeof CustomerExperienceKpisSchema> {
  const kpis = customerExperienceKpis(state);
  return {
    avgCsat: toValue(kpis.avgCsat),
    sentimentDistribution: kpis.sentimentDistribution.map(({ label, count }) => ({
      label,
      count: BigInt(count),
    })),
    positiveSentimentRate: toValue(kpis.positiveSentimentRate),
    csatTop2Rate: toValue(kpis.csatTop2Rate),
  };
}

export function toOperational(state: KpiState): MessageInitShape<typeof OperationalKpisSchema> {
  const kpis = operationalKpis(state);
  return {
    containmentRate: toValue(kpis.containmentRate),
    resolutionRate: toValue(kpis.resolutionRate),
    avgHandlingTimeMs: toValue(kpis.avgHandlingTimeMs),
    totalConversions: toValue(kpis.totalConversions),
    avgResponseLatencyMs: toValue(kpis.avgResponseLatencyMs),
    convertedCount: toValue(kpis.convertedCount),
  };
}

export function toEngagement(
  state: KpiState,
  people: DistinctCounts,
): MessageInitShape<typeof EngagementKpisSchema> {
  const kpis = engagementKpis(state, people);
  return {
    activeUsers: toValue(kpis.activeUsers),
    retentionRate: toValue(kpis.retentionRate),
    completionRate: toValue(kpis.completionRate),
    bounceRate: toValue(kpis.bounceRate),
    totalInteractions: toValue(kpis.totalInteractions),
    activeMembers: toValue(kpis.activeMembers),
  };
}

export function toRealTime(state: KpiState): MessageInitShape<typeof RealTimeMetricsSchema> {
  const kpis = realTimeKpis(state);
  return {
    interactionsPerMinute: toValue(kpis.interactionsPerMinute),
    conversionRate: toValue(kpis.conversionRate),
    avgResponseTime: toValue(kpis.avgResponseTime),
    windowSeconds: BigInt(realTimeWindowSeconds),
  };
}

export function toDefinition(definition: KpiDefinition): MessageInitShape<typeof KpiDefinitionSchema> {
  const { definitionId, name, group, description, formula, unit, source, isProportion } = definition;
  return { definitionId, name, group, description, formula, unit: units[unit], source, isProportion };
}

/** For what, and how complete, an answer is. */
export function toContext(
  { partition }: { readonly partition: number },
  { start, end, timeZone }: { readonly start: Date; readonly end: Date; readonly timeZone: string },
  { position, completeTo, lagMs }: ProjectionWatermark,
  positions: PositionSealer,
): MessageInitShape<typeof KpiContextSchema> {
  return {
    windowStart: timestampFromDate(start),
    windowEnd: timestampFromDate(end),
    timeZone,
    watermark: {
      position: positions.seal({ partition, offset: position }),
      completeTo: timestampFromDate(completeTo),
      lagMs: BigInt(Math.round(lagMs)),
    },
  };
}

function toValue({
  unit,
  sampleSize,
  interval,
  ...value
}: KpiValue): MessageInitShape<typeof KpiValueSchema> {
  return {
    ...value,
    sampleSize: BigInt(sampleSize),
    unit: units[unit],
    ...(interval === undefined ? {} : { interval: { ...interval } }),
  };
}
