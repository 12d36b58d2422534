import { defineKpi, evaluateKpi } from './kpi-definition.ts';
import type { KpiDefinition } from './kpi-definition.ts';
import type { KpiValue } from './kpi-value.ts';
import { latencyCountOf, latencyQuantile } from './latency-sketch.ts';
import type { LatencyBins } from './latency-sketch.ts';

/** The response time that so many per cent of the answers do not exceed. */
function percentile(percent: 50 | 90 | 95 | 99): KpiDefinition<readonly [bins: LatencyBins]> {
  return defineKpi({
    definitionId: `parley.v1/response_latency_p${percent}_ms`,
    group: 'operational',
    description: `Response time that ${percent} % of the answers do not exceed, times of 0 counted; within 1 %.`,
    formula:
      `The time of rank 1 + ${percent / 100} (n - 1), rounded down, of the n response times in ascending order, by a ` +
      'sketch with a relative error of at most 1 %. None: no data.',
    unit: 'milliseconds',
    source: 'ruling A5; DDSketch, PVLDB 12 (2019)',
    isProportion: false,
    parts: (bins) => {
      const sampleSize = latencyCountOf(bins);
      const time = latencyQuantile(bins, percent / 100);
      return { numerator: time ?? 0, denominator: 1, sampleSize, hasData: time !== undefined };
    },
  });
}

/** The median response time. */
export const responseLatencyP50Ms = percentile(50);
/** The response time of nine in ten. */
export const responseLatencyP90Ms = percentile(90);
/** The response time of nineteen in twenty. */
export const responseLatencyP95Ms = percentile(95);
/** The response time of all but one in a hundred. */
export const responseLatencyP99Ms = percentile(99);

/** The figures of the operational dashboard that bins are needed for. */
export interface LatencyKpis {
  readonly responseLatencyP50Ms: KpiValue;
  readonly responseLatencyP90Ms: KpiValue;
  readonly responseLatencyP95Ms: KpiValue;
  readonly responseLatencyP99Ms: KpiValue;
}

/** The figures of these response times. */
export function latencyKpis(bins: LatencyBins): LatencyKpis {
  return {
    responseLatencyP50Ms: evaluateKpi(responseLatencyP50Ms, bins),
    responseLatencyP90Ms: evaluateKpi(responseLatencyP90Ms, bins),
    responseLatencyP95Ms: evaluateKpi(responseLatencyP95Ms, bins),
    responseLatencyP99Ms: evaluateKpi(responseLatencyP99Ms, bins),
  };
}
