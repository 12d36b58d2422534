import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { PositionSealer } from '@parley/access';
import type {
  AudienceKpisSchema,
  ConversationKpisSchema,
  CustomerExperienceKpisSchema,
  EngagementKpisSchema,
  KpiContextSchema,
  KpiDefinitionSchema,
  KpiValueSchema,
  OperationalKpisSchema,
  RealTimeMetricsSchema,
  RevenueKpisSchema,
} from '@parley/contracts/parley/metrics/v1/kpi';
import { KpiUnit as KpiUnitNumber } from '@parley/contracts/parley/metrics/v1/kpi';
import {
  audienceKpis,
  conversationKpis,
  csatResponseRate,
  customerExperienceKpis,
  engagementKpis,
  evaluateConversationKpi,
  isNoRevenue,
  latencyKpis,
  lifecycleKpis,
  minMeanSample,
  netOf,
  operationalKpis,
  realTimeKpis,
  realTimeWindowSeconds,
  revenueKpis,
} from '@parley/kpi';
import type {
  AudienceFacts,
  ConversationSums,
  DistinctCounts,
  KpiMeaning,
  KpiState,
  KpiUnit,
  KpiValue,
  LatencyBins,
  LifecycleFacts,
} from '@parley/kpi';
import type { ProjectionWatermark } from '@parley/projection';
import type { Earnings } from '../use-cases/read-dashboards.ts';

const units: Readonly<Record<KpiUnit, KpiUnitNumber>> = {
  count: KpiUnitNumber.COUNT,
  rate: KpiUnitNumber.RATE,
  milliseconds: KpiUnitNumber.MILLISECONDS,
  points: KpiUnitNumber.POINTS,
  per_minute: KpiUnitNumber.PER_MINUTE,
  money: KpiUnitNumber.MONEY,
  score: KpiUnitNumber.SCORE,
};

export function toCustomerExperience(
  state: KpiState,
  conversations: ConversationSums,
): MessageInitShape<typeof CustomerExperienceKpisSchema> {
  const kpis = customerExperienceKpis(state);
  return {
    avgCsat: toValue(kpis.avgCsat),
    sentimentDistribution: kpis.sentimentDistribution.map(({ label, count }) => ({
      label,
      count: BigInt(count),
    })),
    positiveSentimentRate: toValue(kpis.positiveSentimentRate),
    csatTop2Rate: toValue(kpis.csatTop2Rate),
    nps: toValue(kpis.nps),
    avgCes: toValue(kpis.avgCes),
    cesTop2Rate: toValue(kpis.cesTop2Rate),
    thumbsUpRate: toValue(kpis.thumbsUpRate),
    csatResponseRate: toValue(evaluateConversationKpi(csatResponseRate, conversations)),
  };
}

export function toOperational(
  state: KpiState,
  latencies: LatencyBins,
): MessageInitShape<typeof OperationalKpisSchema> {
  const kpis = operationalKpis(state);
  const percentiles = latencyKpis(latencies);
  return {
    containmentRate: toValue(kpis.containmentRate),
    resolutionRate: toValue(kpis.resolutionRate),
    avgHandlingTimeMs: toValue(kpis.avgHandlingTimeMs),
    totalConversions: toValue(kpis.totalConversions),
    avgResponseLatencyMs: toValue(kpis.avgResponseLatencyMs),
    convertedCount: toValue(kpis.convertedCount),
    responseLatencyP50Ms: toValue(percentiles.responseLatencyP50Ms),
    responseLatencyP90Ms: toValue(percentiles.responseLatencyP90Ms),
    responseLatencyP95Ms: toValue(percentiles.responseLatencyP95Ms),
    responseLatencyP99Ms: toValue(percentiles.responseLatencyP99Ms),
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

export function toRevenue({ facts, byCurrency }: Earnings): MessageInitShape<typeof RevenueKpisSchema> {
  const kpis = revenueKpis(facts);
  return {
    revenue: toValue(kpis.revenue),
    grossRevenue: toValue(kpis.grossRevenue),
    refunded: toValue(kpis.refunded),
    ...(facts.conversationCount !== undefined && {
      revenuePerConversation: toValue(kpis.revenuePerConversation),
    }),
    revenuePerInteraction: toValue(kpis.revenuePerInteraction),
    arpu: toValue(kpis.arpu),
    arppu: toValue(kpis.arppu),
    payingMembers: toValue(kpis.payingMembers),
    avgOrderValue: toValue(kpis.avgOrderValue),
    byCurrency: [...byCurrency]
      .filter(([, sums]) => !isNoRevenue(sums))
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([currencyCode, sums]) => ({
        currencyCode,
        grossMinorUnits: sums.grossMinorUnits,
        refundedMinorUnits: sums.refundedMinorUnits,
        netMinorUnits: netOf(sums),
        conversionCount: sums.orderCount,
        refundCount: sums.refundCount,
      })),
  };
}

/** Without `lifecycle` what only GetAudienceKpis tells is absent: all of a tenant's time is read for it. */
export function toAudience(
  state: KpiState,
  people: DistinctCounts,
  audience: AudienceFacts,
  lifecycle?: LifecycleFacts,
): MessageInitShape<typeof AudienceKpisSchema> {
  const kpis = audienceKpis(audience);
  const life = lifecycle && lifecycleKpis(lifecycle);
  return {
    activeMembers: toValue(engagementKpis(state, people).activeMembers),
    dau: toValue(kpis.dau),
    wau: toValue(kpis.wau),
    mau: toValue(kpis.mau),
    stickiness: toValue(kpis.stickiness),
    ...(life && {
      newMembers: toValue(life.newMembers),
      returningMembers: toValue(life.returningMembers),
      resurrectedMembers: toValue(life.resurrectedMembers),
      dormantMembers: toValue(life.dormantMembers),
      activeDayDistribution: life.activeDayDistribution.map(({ label, count }) => ({
        label,
        count: BigInt(count),
      })),
    }),
  };
}

export function toConversations(sums: ConversationSums): MessageInitShape<typeof ConversationKpisSchema> {
  const kpis = conversationKpis(sums);
  return {
    conversations: toValue(kpis.conversations),
    sessionContainmentRate: toValue(kpis.sessionContainmentRate),
    sessionContainmentNoReturn24hRate: toValue(kpis.sessionContainmentNoReturn24hRate),
    sessionContainmentNoReturn7dRate: toValue(kpis.sessionContainmentNoReturn7dRate),
    confirmedResolutionRate: toValue(kpis.confirmedResolutionRate),
    assumedResolutionRate: toValue(kpis.assumedResolutionRate),
    durableResolutionRate: toValue(kpis.durableResolutionRate),
    humanHandoffRate: toValue(kpis.humanHandoffRate),
    fallbackRate: toValue(kpis.fallbackRate),
    abandonmentRate: toValue(kpis.abandonmentRate),
    sessionBounceRate: toValue(kpis.sessionBounceRate),
    noResponseRate: toValue(kpis.noResponseRate),
    avgConversationDurationMs: toValue(kpis.avgConversationDurationMs),
    openConversations: toValue(kpis.openConversations),
    interactionsPerConversation: toValue(kpis.interactionsPerConversation),
    deflectionRate: toValue(kpis.deflectionRate),
    botHandledRate: toValue(kpis.botHandledRate),
    firstContactResolutionRate: toValue(kpis.firstContactResolutionRate),
    reopenRate: toValue(kpis.reopenRate),
    firstMessageFallbackRate: toValue(kpis.firstMessageFallbackRate),
    midConversationFallbackRate: toValue(kpis.midConversationFallbackRate),
    conversationCoverageRate: toValue(kpis.conversationCoverageRate),
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

export function toDefinition(definition: KpiMeaning): MessageInitShape<typeof KpiDefinitionSchema> {
  const { definitionId, name, group, description, formula, unit, source, isProportion } = definition;
  return { definitionId, name, group, description, formula, unit: units[unit], source, isProportion };
}

/** For what, and how complete, an answer is. */
export function toContext(
  { partition, currencyCode }: { readonly partition: number; readonly currencyCode: string },
  { start, end, timeZone }: { readonly start: Date; readonly end: Date; readonly timeZone: string },
  { position, completeTo, lagMs }: ProjectionWatermark,
  positions: PositionSealer,
): MessageInitShape<typeof KpiContextSchema> {
  return {
    windowStart: timestampFromDate(start),
    windowEnd: timestampFromDate(end),
    timeZone,
    currencyCode,
    watermark: {
      position: positions.seal({ partition, offset: position }),
      completeTo: timestampFromDate(completeTo),
      lagMs: BigInt(Math.round(lagMs)),
    },
  };
}

/** A figure as the contract has it. */
export function toValue({
  unit,
  sampleSize,
  interval,
  ...value
}: KpiValue): MessageInitShape<typeof KpiValueSchema> {
  return {
    ...value,
    sampleSize: BigInt(sampleSize),
    unit: units[unit],
    smallSample: sampleSize < minMeanSample,
    ...(interval === undefined ? {} : { interval: { ...interval } }),
  };
}
