import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKinds } from '@parley/event';
import type { LogEvent } from '@parley/event';
import { dayOf } from './history.ts';

/** One of the guide's BotPerformanceMetrics, measured by others. */
export interface BotMetricFact {
  readonly tenantId: string;
  readonly eventKey: string;
  readonly botId: string;
  /** The contract's MetricCategory: 1 to 5. */
  readonly category: number;
  /** What was measured: `error_rate`, `latency`, … */
  readonly type: string;
  readonly value: number;
  /** The contract's AggregationPeriod: 1 hourly, 2 daily, 3 weekly, 4 monthly. */
  readonly period: number;
  readonly sampleSize: bigint;
  /** The end of its period. */
  readonly occurredAt: Date;
  readonly receivedAt: Date;
  /** The day on which it was received, in days since 1970. */
  readonly knownOn: number;
}

/** Those among events. One that has expired has no body, and is not there. */
export function parseBotMetrics(events: readonly LogEvent[]): readonly BotMetricFact[] {
  return events.flatMap(({ kind, tenantId, eventKey, occurredAt, receivedAt, body }) => {
    if (kind !== eventKinds.bot_performance_metric || body === undefined) return [];
    const { payload } = fromBinary(EventSchema, body, { readUnknownFields: false });
    if (payload.case !== 'botPerformanceMetric') {
      throw new Error(`A bot performance metric's body says ${payload.case ?? 'nothing'}.`);
    }
    const { botId, metricCategory, metricType, metricValue, aggregationPeriod, sampleSize } = payload.value;
    return {
      tenantId,
      eventKey,
      botId,
      category: metricCategory,
      type: metricType,
      value: metricValue,
      period: aggregationPeriod,
      sampleSize,
      occurredAt,
      receivedAt,
      knownOn: dayOf(receivedAt),
    };
  });
}
