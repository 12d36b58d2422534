import type { MessageInitShape } from '@bufbuild/protobuf';
import type { KpiContextSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import type {
  CheckBotHealthResponseSchema,
  SloStatusSchema,
} from '@parley/contracts/parley/metrics/v1/metrics_service';
import { componentNames, evaluateKpi, weightedHealthScore } from '@parley/kpi';
import type { HealthRule, ObjectiveStatus } from '@parley/kpi';
import type { BotHealthAnswer } from '../use-cases/check-bot-health.ts';
import { toValue } from './kpi-messages.ts';

/** How a bot is. */
export function toHealth(
  { health, figures, objectives: { botId, rule, objectives } }: Omit<BotHealthAnswer, 'watermark'>,
  context: MessageInitShape<typeof KpiContextSchema>,
): MessageInitShape<typeof CheckBotHealthResponseSchema> {
  const { status, healthScore, components, recommendations } = health;
  return {
    botId,
    context,
    status,
    ...(healthScore !== undefined && { healthScore }),
    errorRate: toValue(figures.errorRate),
    avgLatencyMs: toValue(figures.avgLatencyMs),
    recommendations: recommendations.map((one) => ({ ...one })),
    healthScoreV2: toValue(evaluateKpi(weightedHealthScore, health)),
    components: components.map(({ name, weight, cost, isInsufficient }) => ({
      name: componentNames[name],
      value: toValue(figures[name]),
      weight,
      cost,
      insufficient: isInsufficient,
    })),
    objectives: objectives.map((objective) => toObjective(objective, rule)),
  };
}

function toObjective(
  { name, target, burnRates, state }: ObjectiveStatus,
  { latencyThresholdMs }: HealthRule,
): MessageInitShape<typeof SloStatusSchema> {
  return {
    name,
    target,
    state,
    ...(name === 'latency' && { thresholdMs: BigInt(latencyThresholdMs) }),
    burnRates: burnRates.map((rate) => ({
      severity: rate.severity,
      longWindowSeconds: BigInt(rate.longSeconds),
      shortWindowSeconds: BigInt(rate.shortSeconds),
      threshold: rate.threshold,
      longBurnRate: rate.longBurnRate,
      shortBurnRate: rate.shortBurnRate,
      sampleSize: BigInt(rate.sampleSize),
      alerting: rate.isAlerting,
    })),
  };
}
