import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { BotPerformanceMetricPointSchema } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { aggregationPeriods } from '../use-cases/list-bot-metrics.ts';
import type { BotMetric } from '../use-cases/list-bot-metrics.ts';
import { toValue } from './kpi-messages.ts';

/** By the numbers of ingestion's contract. */
const categories = [
  '',
  'customer_experience',
  'operational_efficiency',
  'engagement',
  'monetization',
  'health',
];

/** One of the guide's BotPerformanceMetrics. */
export function toBotMetric({
  place: { botId, type, period, endsAt },
  startsAt,
  of,
}: BotMetric): MessageInitShape<typeof BotPerformanceMetricPointSchema> {
  return {
    botId,
    metricType: type,
    aggregationPeriod: aggregationPeriods[period - 1] ?? '',
    windowStart: timestampFromDate(startsAt),
    windowEnd: timestampFromDate(endsAt),
    ...(of.by === 'parley'
      ? {
          metricCategory: of.metric.category,
          metricValue: of.value.value,
          sampleSize: BigInt(of.value.sampleSize),
          value: toValue(of.value),
        }
      : {
          metricCategory: categories[of.row.category] ?? '',
          metricValue: of.row.value,
          sampleSize: of.row.sampleSize,
          external: true,
        }),
  };
}
