import { expect, test } from 'vitest';
import { emptyConversationState } from './conversation-state.ts';
import { figures, findFigure, getFigure, isRatio } from './figures.ts';
import type { FigureInputs, Ingredient } from './figures.ts';
import { emptyState } from './kpi-state.ts';
import { emptyRevenue } from './revenue.ts';

const nothing: FigureInputs = {
  sums: emptyState,
  people: { activeMembers: 0, activeUsers: 0, users: 0 },
  latencies: new Map(),
  conversations: {
    conversations: emptyConversationState,
    interactions: emptyState,
    awaitingCount: 0,
    gapMs: 1_800_000,
  },
  revenue: {
    currencyCode: 'USD',
    revenue: emptyRevenue,
    interactionCount: 0,
    conversationCount: 0,
    payingMemberCount: 0,
    days: [],
  },
  audience: { interactionCount: 0, dayCounts: [], weekCount: 0, monthCount: 0 },
  lifecycle: { interactionCount: 0, days: [], window: [], before: [], ever: [] },
};

/** Where each part of the inputs comes from. */
const sources: Readonly<Record<string, readonly Ingredient[]>> = {
  sums: ['sums'],
  latencies: ['latencies'],
  'people.activeMembers': ['members'],
  'people.activeUsers': ['users'],
  'people.users': ['users'],
  'conversations.conversations': ['conversations'],
  'conversations.interactions': ['sums'],
  'conversations.awaitingCount': ['awaiting'],
  'revenue.revenue': ['revenue'],
  'revenue.interactionCount': ['sums'],
  'revenue.conversationCount': ['conversations'],
  'revenue.payingMemberCount': ['payers'],
  'revenue.days': ['day_revenue', 'day_members'],
  'audience.interactionCount': ['sums'],
  'audience.dayCounts': ['day_members'],
  'audience.weekCount': ['week_members'],
  'audience.monthCount': ['month_members'],
  'lifecycle.interactionCount': ['sums'],
  'lifecycle.window': ['members'],
  'lifecycle.before': ['earlier_members'],
  'lifecycle.ever': ['earlier_members'],
};

/** The inputs, noting where what is looked at comes from. Sums are looked at when one of their counters is. */
function watched(seen: Set<Ingredient>, inputs: object = nothing, path = ''): FigureInputs {
  return new Proxy(inputs, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof property !== 'string') return value;
      const place = path === '' ? property : `${path}.${property}`;
      const isCounters = place === 'sums' || place === 'conversations.interactions';
      if (isCounters || place === 'conversations.conversations') {
        return new Proxy(value as object, {
          get(counters, counter) {
            for (const ingredient of sources[place] ?? []) seen.add(ingredient);
            return Reflect.get(counters, counter) as unknown;
          },
        });
      }
      for (const ingredient of sources[place] ?? []) seen.add(ingredient);
      const isPart = path === '' && place !== 'latencies';
      return isPart ? watched(seen, value as object, place) : value;
    },
  }) as FigureInputs;
}

test('a figure looks at nothing but what it says it needs', () => {
  for (const { meaning, needs, evaluate, moments } of figures) {
    const seen = new Set<Ingredient>();
    const value = evaluate(watched(seen));
    moments?.(watched(seen));
    expect({ name: meaning.name, more: [...seen].filter((one) => !needs.includes(one)) }).toEqual({
      name: meaning.name,
      more: [],
    });
    expect(value).toMatchObject({ value: 0, hasData: false });
    expect(value.definitionId.split('?')[0]).toBe(meaning.definitionId);
  }
});

test('no two figures have the same name or id', () => {
  const names = figures.flatMap(({ meaning }) => [meaning.name, meaning.definitionId]);
  expect(new Set(names).size).toBe(2 * figures.length);
});

test('a figure is found by its name, by its id, and by its id with a gap', () => {
  const figure = getFigure('session_containment_rate');
  expect(findFigure('parley.v1/session_containment_rate')).toBe(figure);
  expect(findFigure('parley.v1/session_containment_rate?gap=30m')).toBe(figure);
  expect(findFigure('session_containment')).toBeUndefined();
  expect(findFigure('')).toBeUndefined();
  expect(() => getFigure('toString')).toThrow(RangeError);
});

test('the moments of a mean have its mean', () => {
  const inputs: FigureInputs = {
    ...nothing,
    sums: {
      ...emptyState,
      csatCount: 2,
      csatSumMicros: 9_000_000,
      csatSquareSumMicros: 41_000_000,
      cesCount: 3,
      cesSumMicros: 12_000_000,
      cesSquareSumMicros: 56_000_000,
      npsCount: 4,
      npsPromoterCount: 2,
      npsDetractorCount: 1,
    },
    revenue: {
      ...nothing.revenue,
      revenue: { ...emptyRevenue, orderCount: 2n, grossMinorUnits: 500n, grossSquareSum: 130_000n },
    },
  };
  for (const { evaluate, moments } of figures) {
    if (moments === undefined) continue;
    const { count, sum } = moments(inputs);
    expect(sum / count).toBeCloseTo(evaluate(inputs).value, 12);
  }
  expect(getFigure('avg_order_value').moments?.(inputs)).toEqual({ count: 2, sum: 5, squareSum: 13 });
});

test('one sum by another is told from counts, from what is distinct and from what days are counted for', () => {
  const ratios = figures.filter(isRatio).map(({ meaning }) => meaning.name);
  expect(ratios).toEqual(
    expect.arrayContaining([
      'containment_rate',
      'avg_csat',
      'nps',
      'conversion_rate',
      'avg_order_value',
      'revenue_per_conversation',
      'no_response_rate',
      'session_containment_rate',
    ]),
  );
  for (const name of [
    'total_interactions',
    'interactions_per_minute',
    'revenue',
    'conversations',
    'active_members',
    'retention_rate',
    'arpu',
    'arppu',
    'dau',
    'stickiness',
    'response_latency_p50_ms',
  ]) {
    expect(ratios).not.toContain(name);
  }
});
