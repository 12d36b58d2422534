import fc from 'fast-check';
import { expect, test } from 'vitest';
import { botHealth, weightedHealthScore, withRows } from './bot-health.ts';
import type { HealthInput, Measure } from './bot-health.ts';
import { evaluateKpi, toKpiValue } from './kpi-definition.ts';
import { errorRate } from './kpi-definitions.ts';

const measured = (value: number, size = 10_000): Measure => ({
  value,
  numerator: value * size,
  denominator: size,
  sampleSize: size,
  hasData: true,
});
const missing: Measure = { value: 0, numerator: 0, denominator: 0, sampleSize: 0, hasData: false };
const good: HealthInput = {
  errorRate: measured(0),
  avgLatencyMs: measured(300),
  latencyP95Ms: measured(900),
  fallbackRate: measured(0.05),
  noResponseRate: measured(0),
};

// The golden checks G3.
test.each([
  [0.05, 2_000, 100, 'healthy'],
  [0.0501, 2_000, 70, 'degraded'],
  [0.05, 2_001, 80, 'degraded'],
  [0.9, 9_000, 50, 'unhealthy'],
])('an error rate of %d at %d ms scores %d', (errors, latency, score, status) => {
  const health = botHealth({ ...good, errorRate: measured(errors), avgLatencyMs: measured(latency) });
  expect(health).toMatchObject({ healthScore: score, status });
});

test('without rows there is no score, and what is not measured is not perfect', () => {
  const none = botHealth({
    errorRate: missing,
    avgLatencyMs: missing,
    latencyP95Ms: missing,
    fallbackRate: missing,
    noResponseRate: missing,
  });
  expect(none).toMatchObject({
    status: 'insufficient_data',
    healthScore: undefined,
    weightedScore: undefined,
  });
  expect(none.recommendations.map(({ rule }) => rule)).toEqual([
    'error_rate_not_measured',
    'latency_not_measured',
  ]);
  expect(botHealth({ ...good, avgLatencyMs: missing }).status).toBe('insufficient_data');
  const failing = { ...good, avgLatencyMs: missing, errorRate: measured(0.2) };
  expect(botHealth(failing)).toMatchObject({ status: 'degraded', healthScore: 70 });
});

test('the weighted score costs by how far an objective is missed', () => {
  expect(botHealth(good).weightedScore).toBe(100);
  // Half way from 0.01 to 0.1 costs 20 of 40; half way from 2000 to 8000 ms costs 12.5 of 25.
  const half = { ...good, errorRate: measured(0.055), latencyP95Ms: measured(5_000) };
  expect(botHealth(half).weightedScore).toBeCloseTo(67.5, 9);
  const worst = {
    ...good,
    errorRate: measured(1),
    latencyP95Ms: measured(60_000),
    fallbackRate: measured(1),
    noResponseRate: measured(1),
  };
  expect(botHealth(worst).weightedScore).toBe(0);
});

test('what has too few data points costs nothing, and the others weigh more', () => {
  const few = { ...good, errorRate: measured(1, 29), latencyP95Ms: measured(8_000) };
  const { weightedScore, components } = botHealth(few);
  expect(components[0]).toMatchObject({ cost: 0, isInsufficient: true });
  // 25 of the 60 that are left.
  expect(weightedScore).toBeCloseTo(100 - (100 * 25) / 60, 9);
});

test('each advice says by which rule it came, and what was seen', () => {
  const { recommendations } = botHealth({
    ...good,
    errorRate: measured(0.1, 200),
    fallbackRate: measured(0.25, 200),
    latencyP95Ms: measured(4_000),
  });
  expect(recommendations.map(({ rule }) => rule)).toEqual([
    'error_rate_above_5_percent',
    'p95_latency_above_2000_ms',
    'fallback_rate_above_10_percent',
  ]);
  expect(recommendations[0]?.evidence).toBe(
    'The bot failed in 10.0 % of 200 interactions (at 95 % between 6.6 % and 14.9 %).',
  );
  expect(botHealth(good).recommendations).toEqual([]);
});

const ours = (failed: number, count: number) =>
  toKpiValue(errorRate, {
    numerator: failed,
    denominator: count,
    sampleSize: count,
    hasData: count > 0,
  });

test('rows of others are weighed by their sample sizes, beside ours', () => {
  const rows = [
    { value: 0.1, sampleSize: 10 },
    { value: 0.2, sampleSize: 30 },
  ];
  expect(withRows(ours(0, 0), rows).value).toBeCloseTo(0.175, 12);
  const both = withRows(ours(5, 60), rows);
  expect(both.value).toBeCloseTo(12 / 100, 12);
  expect(both).toMatchObject({ denominator: 100, sampleSize: 100, hasData: true });
  expect(both.definitionId).toBe('guide.v1/error_rate');
});

test('without rows, or with rows of no data points, ours is as it was', () => {
  expect(withRows(ours(5, 60), [])).toEqual(ours(5, 60));
  expect(withRows(ours(0, 0), [{ value: 0.3, sampleSize: 0 }])).toEqual(ours(0, 0));
});

test('rows that say exactly 5 % and 2000 ms cost nothing, whatever their sample sizes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 24 }),
      (sizes) => {
        const rowsOf = (value: number) => sizes.map((sampleSize) => ({ value, sampleSize }));
        const errors = withRows(ours(0, 0), rowsOf(0.05));
        const latency = withRows(ours(0, 0), rowsOf(2_000));
        expect(botHealth({ ...good, errorRate: errors, avgLatencyMs: latency }).healthScore).toBe(100);
        const more = withRows(ours(0, 0), rowsOf(0.0501));
        expect(botHealth({ ...good, errorRate: more, avgLatencyMs: latency }).healthScore).toBe(70);
      },
    ),
  );
});

test('the weighted score as a figure has the sample of its weakest component', () => {
  const health = botHealth({ ...good, errorRate: measured(0.01, 40), fallbackRate: measured(0.2, 3) });
  expect(evaluateKpi(weightedHealthScore, health)).toMatchObject({
    value: 100,
    hasData: true,
    sampleSize: 40,
    definitionId: 'parley.v1/health_score_v2',
  });
  const none = { weightedScore: undefined, components: [] };
  expect(evaluateKpi(weightedHealthScore, none)).toMatchObject({ value: 0, hasData: false, sampleSize: 0 });
});
