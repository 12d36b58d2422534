import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  KpiUnit,
  type CurrencyRevenue,
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
  [KpiUnit.SCORE]: 'score',
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
    return json === undefined ? [] : [[figureName(field, value), json] as const];
  });
  return Object.fromEntries(entries);
}

function figureJson(value: unknown): unknown {
  if (Array.isArray(value)) {
    // A list that is not served is empty.
    return value.length === 0 ? undefined : Object.fromEntries(value.map(entryJson));
  }
  if (typeof value === 'bigint') return Number(value);
  return isKpiValue(value) ? kpiValueJson(value) : undefined;
}

function entryJson(entry: LabelCount | CurrencyRevenue): readonly [key: string, json: unknown] {
  if (entry.$typeName === 'parley.metrics.v1.LabelCount') return [entry.label, Number(entry.count)];
  const { grossMinorUnits, refundedMinorUnits, netMinorUnits, conversionCount, refundCount } = entry;
  const json = {
    gross_minor_units: Number(grossMinorUnits),
    refunded_minor_units: Number(refundedMinorUnits),
    net_minor_units: Number(netMinorUnits),
    conversion_count: Number(conversionCount),
    refund_count: Number(refundCount),
  };
  return [entry.currencyCode, json];
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
  const { windowStart, windowEnd, watermark, completeness } = context ?? {};
  return {
    window: {
      from: windowStart ? timestampDate(windowStart).toISOString() : null,
      to: windowEnd ? timestampDate(windowEnd).toISOString() : null,
    },
    time_zone: context?.timeZone ?? '',
    currency_code: context?.currencyCode ?? '',
    as_of: context?.asOf ?? '',
    erased_since: context?.erasedSince ?? false,
    // Null: too little is known of how late events come.
    completeness: completeness
      ? {
          newest_hour: completeness.newestHour,
          window: completeness.window,
          observations: Number(completeness.observationCount),
        }
      : null,
    watermark: {
      position: watermark?.position ?? '',
      complete_to: watermark?.completeTo ? timestampDate(watermark.completeTo).toISOString() : null,
      lag_ms: Number(watermark?.lagMs ?? 0n),
    },
  };
}

/** All dashboards as `parley kpis --json` prints them. */
export function kpisJson(response: GetKpisResponse) {
  return {
    customer_experience: dashboardJson(response.customerExperience),
    operational: dashboardJson(response.operational),
    engagement: dashboardJson(response.engagement),
    conversations: dashboardJson(response.conversations),
    revenue: dashboardJson(response.revenue),
    audience: dashboardJson(response.audience),
    ...contextJson(response.context),
  };
}

/** The KPI's own name, which its definition id says; without one, that of its field. */
export function figureName(field: string, value: unknown): string {
  const id = isKpiValue(value) ? value.definitionId : '';
  return /\/([^?]+)/.exec(id)?.[1] ?? snakeCase(field);
}

/** `avgHandlingTimeMs` is `avg_handling_time_ms`, `csatTop2Rate` is `csat_top2_rate`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
