import { expect, test } from 'vitest';
import { botHealth, weighRows } from './bot-health.ts';
import type { HealthInput } from './bot-health.ts';
import type { KpiParts } from './kpi-definition.ts';

const measured = (value: number, size = 10_000): KpiParts => ({
  numerator: value * size,
  denominator: size,
  sampleSize: size,
  hasData: true,
});
const missing: KpiParts = { numerator: 0, denominator: 0, sampleSize: 0, hasData: false };
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

test('rows are weighed by their sample sizes', () => {
  const rows = [
    { value: 0.1, sampleSize: 10 },
    { value: 0.2, sampleSize: 30 },
  ];
  expect(weighRows(rows)).toEqual({ numerator: 7, denominator: 40, sampleSize: 40, hasData: true });
  expect(weighRows([])).toMatchObject({ hasData: false });
});
