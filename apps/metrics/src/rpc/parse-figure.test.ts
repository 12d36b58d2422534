import { DomainError } from '@parley/errors';
import { getFigure } from '@parley/kpi';
import { expect, test } from 'vitest';
import { parseFigure } from './parse-figure.ts';

test('a figure is named or identified', () => {
  expect(parseFigure('dau', 'kpi')).toBe(getFigure('dau'));
  expect(parseFigure('guide.v1/avg_csat', 'kpi')).toBe(getFigure('avg_csat'));
});

test.each([
  ['containment', 'containment_rate'],
  ['guide.v1/containment_rat', 'containment_rate'],
  ['Active_Member', 'active_members'],
  ['x'.repeat(200), ''],
])('of %s it is said that there is none, with what is like it', (asked, like) => {
  const refuse = () => parseFigure(asked, 'kpis[1]');
  expect(refuse).toThrow(DomainError);
  expect(refuse).toThrow(like);
  try {
    refuse();
  } catch (error) {
    expect(error).toMatchObject({ kind: 'invalid-argument', violations: [{ field: 'kpis[1]' }] });
  }
});
