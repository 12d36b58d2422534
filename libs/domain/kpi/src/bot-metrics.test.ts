import { expect, test } from 'vitest';
import { botMetricTypes } from './bot-metrics.ts';

test('each type has one figure, in the order of types, and the guide’s own names are among them', () => {
  const types = botMetricTypes.map(({ type }) => type);
  expect(types).toEqual([...new Set(types)].sort());
  const figureOf = (asked: string) => botMetricTypes.find(({ type }) => type === asked)?.figure.meaning.name;
  expect(['csat', 'containment_rate', 'error_rate', 'latency'].map(figureOf)).toEqual([
    'avg_csat',
    'containment_rate',
    'error_rate',
    'avg_latency_ms',
  ]);
});
