import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  KpiUnit,
  type KpiContext,
  type KpiValue,
  type LabelCount,
} from '@parley/contracts/parley/metrics/v1/kpi';
import type { GetKpisResponse } from '@parley/contracts/parley/metrics/v1/metrics_service';

const units: Readonly<Record<number, string>> = {
  [KpiUnit.COUNT]: 'count',
  [KpiUnit.RATE]: 'rate',
  [KpiUnit.MILLISECONDS]: 'milliseconds',
  [KpiUnit.POINTS]: 'points',
  [KpiUnit.PER_MINUTE]: 'per_minute',
  [KpiUnit.MONEY]: 'money',
};

/** A figure as `--json` prints it: every key, zeros and false included. */
export function kpiValueJson(value: KpiValue) {
  return {
    value: value.value,
    has_data: value.hasData,
    numerator: value.numerator,
    denominator: value.denominator,
    sample_size: Number(value.sampleSize),
    definition_id: value.definitionId,
    unit: units[value.unit] ?? 'unspecified',
    interval: value.interval
      ? { lower: value.interval.lower, upper: value.interval.upper, level: value.interval.level }
      : null,
  };
}

/** A dashboard by the guide's keys. */
export function dashboardJson(dashboard: object | undefined): Record<string, unknown> {
  const entries = Object.entries(dashboard ?? {}).flatMap(([field, value]: [string, unknown]) => {
    const json = figureJson(value);
    return json === undefined ? [] : [[snakeCase(field), json] as const];
  });
  return Object.fromEntries(entries);
}

function figureJson(value: unknown): unknown {
  if (Array.isArray(value)) {
    return Object.fromEntries((value as LabelCount[]).map(({ label, count }) => [label, Number(count)]));
  }
  if (typeof value === 'bigint') return Number(value);
  return isKpiValue(value) ? kpiValueJson(value) : undefined;
}

export function isKpiValue(value: unknown): value is KpiValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    '$typeName' in value &&
    value.$typeName === 'parley.metrics.v1.KpiValue'
  );
}

export function contextJson(context: KpiContext | undefined) {
  const { windowStart, windowEnd, watermark } = context ?? {};
  return {
    window: {
      from: windowStart ? timestampDate(windowStart).toISOString() : null,
      to: windowEnd ? timestampDate(windowEnd).toISOString() : null,
    },
    time_zone: context?.timeZone ?? '',
    watermark: {
      position: watermark?.position ?? '',
      complete_to: watermark?.completeTo ? timestampDate(watermark.completeTo).toISOString() : null,
      lag_ms: Number(watermark?.lagMs ?? 0n),
    },
  };
}

/** The three dashboards as `parley kpis --json` prints them. */
export function kpisJson(response: GetKpisResponse) {
  return {
    customer_experience: dashboardJson(response.customerExperience),
    operational: dashboardJson(response.operational),
    engagement: dashboardJson(response.engagement),
    ...contextJson(response.context),
  };
}

/** `avgHandlingTimeMs` is `avg_handling_time_ms`, `csatTop2Rate` is `csat_top2_rate`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
