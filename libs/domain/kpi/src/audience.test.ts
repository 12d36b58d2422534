import fc from 'fast-check';
import { expect, test } from 'vitest';
import { activeDayDistribution, lifecycleOf } from './audience.ts';
import { audienceKpis, lifecycleKpis } from './audience-kpis.ts';
import type { AudienceFacts, LifecycleFacts } from './audience-kpis.ts';
import type { KpiValue } from './kpi-value.ts';

const nobody: AudienceFacts = { interactionCount: 0, dayCounts: [0, 0], weekCount: 0, monthCount: 0 };
const neverAnybody: LifecycleFacts = {
  interactionCount: 0,
  days: [[], []],
  window: [],
  before: [],
  ever: [],
};

const valuesOf = (kpis: Readonly<Record<string, KpiValue>>) =>
  Object.fromEntries(Object.entries(kpis).map(([name, { value }]) => [name, value]));

test('three days of five members give what a pencil gives', () => {
  const kpis = audienceKpis({ interactionCount: 40, dayCounts: [3, 1, 2], weekCount: 4, monthCount: 5 });
  expect(valuesOf({ ...kpis })).toEqual({ dau: 2, wau: 4, mau: 5, stickiness: 0.4 });
  const { activeDayDistribution: distribution, ...life } = lifecycleKpis({
    interactionCount: 40,
    days: [[1, 2, 3], [2], [2, 3]],
    window: [1, 2, 3],
    before: [2, 4],
    ever: [2, 3, 4, 5],
  });
  expect(valuesOf(life)).toEqual({
    newMembers: 1,
    returningMembers: 1,
    resurrectedMembers: 1,
    dormantMembers: 1,
  });
  expect(distribution).toEqual([
    { label: '1', count: 1 },
    { label: '2', count: 1 },
    { label: '3', count: 1 },
  ]);
});

test('of nobody there is no figure; where only nobody in particular spoke, 0 is one', () => {
  const { activeDayDistribution: none, ...life } = lifecycleKpis(neverAnybody);
  for (const value of Object.values({ ...audienceKpis(nobody), ...life })) {
    expect(value).toMatchObject({ value: 0, hasData: false });
  }
  expect(none.every(({ count }) => count === 0)).toBe(true);
  const anonymous = audienceKpis({ ...nobody, interactionCount: 2 });
  expect(anonymous.dau).toMatchObject({ value: 0, hasData: true });
  expect(anonymous.stickiness.hasData).toBe(false);
});

const members = fc.uniqueArray(fc.nat(30), { maxLength: 20 }).map((list) => list.toSorted((a, b) => a - b));

test('everybody of a window is new, returning or resurrected', () => {
  fc.assert(
    fc.property(members, members, members, (now, before, long) => {
      const ever = [...new Set([...before, ...long])].sort((a, b) => a - b);
      const life = lifecycleOf(now, before, ever);
      expect(life.newCount).toBe(now.filter((m) => !ever.includes(m)).length);
      expect(life.newCount + life.returningCount + life.resurrectedCount).toBe(now.length);
      expect(life.returningCount + life.dormantCount).toBe(before.length);
    }),
  );
});

test('each member is there on one number of days', () => {
  fc.assert(
    fc.property(fc.array(members, { maxLength: 8 }), (days) => {
      const distribution = activeDayDistribution(days);
      expect(distribution.reduce((sum, count) => sum + count, 0)).toBe(new Set(days.flat()).size);
      const visits = distribution.reduce((sum, count, number) => sum + count * number, 0);
      expect(visits).toBe(days.flat().length);
      expect(distribution[0]).toBe(0);
    }),
  );
});
