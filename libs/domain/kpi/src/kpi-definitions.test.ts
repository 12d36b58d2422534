import { expect, test } from 'vitest';
import { evaluateKpi } from './kpi-definition.ts';
import { findKpiDefinition, kpiDefinitions } from './kpi-definitions.ts';
import { allKpiMeanings } from './all-definitions.ts';
import { emptyState } from './kpi-state.ts';

const nobody = { activeMembers: 0, activeUsers: 0, users: 0 };

test('definitions are listed in the order of their ids, and no two share an id or a name', () => {
  for (const listed of [kpiDefinitions, allKpiMeanings]) {
    const ids = listed.map(({ definitionId }) => definitionId);
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(listed.map(({ name }) => name)).size).toBe(ids.length);
  }
});

test('a definition is found by its name and by its id', () => {
  expect(findKpiDefinition('containment_rate')?.definitionId).toBe('guide.v1/containment_rate');
  expect(findKpiDefinition('parley.v1/csat_top2_rate')?.name).toBe('csat_top2_rate');
  expect(findKpiDefinition('guide.v1/csat_top2_rate')).toBeUndefined();
});

test.each(kpiDefinitions.map((definition) => [definition.name, definition] as const))(
  '%s of nothing is 0 without data and without interval',
  (_, definition) => {
    const value = evaluateKpi(definition, emptyState, nobody);
    expect(value).toMatchObject({ value: 0, hasData: false, numerator: 0, sampleSize: 0 });
    expect(value).not.toHaveProperty('interval');
  },
);

test('exactly the proportions have an interval', () => {
  const state = {
    ...emptyState,
    interactionCount: 1,
    positiveCount: 1,
    csatRatingCount: 1,
    latencyCount: 1,
    cesCount: 1,
    thumbsCount: 1,
  };
  const withInterval = kpiDefinitions
    .filter((definition) => evaluateKpi(definition, state, { ...nobody, users: 1 }).interval !== undefined)
    .map(({ name }) => name);
  expect(withInterval).toEqual([
    'bounce_rate',
    'completion_rate',
    'containment_rate',
    'error_rate',
    'positive_sentiment_rate',
    'ces_top2_rate',
    'csat_top2_rate',
    'thumbs_up_rate',
  ]);
});

test('the interval is the Wilson score interval at 95 %', () => {
  // Newcombe (1998), table I, method 3: 81 of 263.
  const state = { ...emptyState, interactionCount: 263, withoutResponseCount: 81 };
  const { interval } = evaluateKpi(find('bounce_rate'), state, nobody);
  expect(interval?.lower).toBeCloseTo(0.2553, 4);
  expect(interval?.upper).toBeCloseTo(0.3662, 4);
  expect(interval?.level).toBe(0.95);
});

test('NPS is promoters less detractors, with an interval from thirty ratings on', () => {
  const state = { ...emptyState, npsCount: 100, npsPromoterCount: 50, npsDetractorCount: 20 };
  const value = evaluateKpi(find('nps'), state, nobody);
  expect(value).toMatchObject({ value: 30, sampleSize: 100, unit: 'score' });
  // Variance (0.5 + 0.2) - 0.3^2 = 0.61: 30 plus and minus 196 sqrt(0.0061).
  expect(value.interval?.lower).toBeCloseTo(14.692, 3);
  expect(value.interval?.upper).toBeCloseTo(45.308, 3);
  const few = { ...emptyState, npsCount: 29, npsPromoterCount: 29 };
  expect(evaluateKpi(find('nps'), few, nobody).interval).toBeUndefined();
});

test('the mean ease has an interval by how much the ratings vary', () => {
  // Fifteen times 4 and fifteen times 6: mean 5, variance 30/29.
  const state = { ...emptyState, cesCount: 30, cesSumMicros: 150e6, cesSquareSumMicros: 780e6 };
  const { value, interval } = evaluateKpi(find('avg_ces'), state, nobody);
  expect(value).toBe(5);
  expect(interval?.upper).toBeCloseTo(5 + 1.959964 * Math.sqrt(30 / 29 / 30), 5);
});

test.each(['total_conversions', 'converted_count', 'interactions_per_minute', 'total_interactions'])(
  'a %s of 0 is a count where something else was recorded',
  (name) => {
    const rated = { ...emptyState, csatRatingCount: 1 };
    expect(evaluateKpi(find(name), rated, nobody)).toMatchObject({ value: 0, hasData: true });
  },
);

test.each(['active_users', 'active_members'])('%s of 0 is a count where somebody spoke', (name) => {
  const anonymous = { ...emptyState, interactionCount: 3 };
  expect(evaluateKpi(find(name), anonymous, nobody)).toMatchObject({
    value: 0,
    hasData: true,
    sampleSize: 3,
  });
});

test('conversions without interactions have no rate', () => {
  const state = { ...emptyState, purchasedCount: 2 };
  for (const name of ['resolution_rate', 'conversion_rate']) {
    expect(evaluateKpi(find(name), state, nobody)).toMatchObject({ value: 0, hasData: false, numerator: 2 });
  }
});

function find(name: string) {
  const definition = findKpiDefinition(name);
  if (!definition) throw new Error(`There is no ${name}.`);
  return definition;
}
