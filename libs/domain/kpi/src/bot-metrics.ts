import { getFigure } from './figures.ts';
import type { Figure } from './figures.ts';

/** The families of the guide's BotPerformanceMetrics. */
export type MetricCategory =
  'customer_experience' | 'operational_efficiency' | 'engagement' | 'monetization' | 'health';

/** One of the guide's BotPerformanceMetrics, and the figure behind it. */
export interface BotMetricType {
  readonly category: MetricCategory;
  /** Its `metric_type`: `csat`, `containment_rate`, … */
  readonly type: string;
  readonly figure: Figure;
}

/** By family; a figure under its own name, but where the guide has another one for it. */
const names: Readonly<Record<MetricCategory, readonly (string | readonly [type: string, figure: string])[]>> =
  {
    customer_experience: [
      ['csat', 'avg_csat'],
      'csat_top2_rate',
      'nps',
      ['ces', 'avg_ces'],
      'thumbs_up_rate',
      'positive_sentiment_rate',
    ],
    operational_efficiency: [
      'containment_rate',
      'resolution_rate',
      'avg_handling_time_ms',
      'total_conversions',
      'session_containment_rate',
      'human_handoff_rate',
    ],
    engagement: [
      'total_interactions',
      'active_members',
      'completion_rate',
      'bounce_rate',
      'conversations',
      'session_bounce_rate',
    ],
    monetization: [
      'conversion_rate',
      'converted_count',
      'revenue',
      'avg_order_value',
      'revenue_per_interaction',
    ],
    health: [
      'error_rate',
      ['latency', 'avg_latency_ms'],
      'response_latency_p95_ms',
      'fallback_rate',
      'no_response_rate',
    ],
  };

/** Every BotPerformanceMetric that Parley produces, in the order of types. */
export const botMetricTypes: readonly BotMetricType[] = (Object.keys(names) as MetricCategory[])
  .flatMap((category) =>
    names[category].map((name) => {
      const [type, figure] = typeof name === 'string' ? [name, name] : name;
      return { category, type, figure: getFigure(figure) };
    }),
  )
  .sort((one, other) => (one.type < other.type ? -1 : 1));
