import { expect, test } from 'vitest';
import { lifetimeValues } from './lifetime-value.ts';
import type { LifetimeInput } from './lifetime-value.ts';

/** Four periods, of which three are over; two cohorts. */
const input: LifetimeInput = {
  currencyCode: 'USD',
  cohorts: [
    { memberCount: 4, netMinorUnits: [400n, 200n, -100n, 50n] },
    { memberCount: 1, netMinorUnits: [0n, 300n, 900n, 0n] },
  ],
  completedCount: 3,
  activity: [
    { activeCount: 4, stayedCount: 3 },
    { activeCount: 4, stayedCount: 2 },
    { activeCount: 2, stayedCount: undefined },
  ],
  margin: 0.5,
};
const values = (cells: readonly ({ readonly value: number } | undefined)[] | undefined) =>
  cells?.map((cell) => cell?.value);

test('what a cohort has brought grows by what came, and is not told of what is not over', () => {
  const { cohorts, overall } = lifetimeValues(input);
  expect(values(cohorts[0])).toEqual([1, 1.5, 1.25, undefined]);
  expect(values(cohorts[1])).toEqual([0, 3, undefined, undefined]);
  // (400 + 0) / 5, (600 + 300) / 5, the first alone, none.
  expect(values(overall)).toEqual([0.8, 1.8, 1.25, undefined]);
  expect(overall[1]).toMatchObject({ numerator: 9, denominator: 5, unit: 'money' });
});

test('a lifetime is worth what a period brings of those who are there, as long as they stay', () => {
  const { revenuePerPeriod, churnRate, expected } = lifetimeValues(input);
  // 4.00 + 2.00 - 1.00 and 0 + 3.00 in periods that are over, by 4 + 4 + 2.
  expect(revenuePerPeriod).toMatchObject({ value: 0.8, numerator: 8, denominator: 10 });
  expect(churnRate).toMatchObject({ value: 3 / 8, numerator: 3, denominator: 8 });
  expect(expected).toMatchObject({ value: (0.8 * 0.5) / (3 / 8), numerator: 0.4, denominator: 3 / 8 });
});

test('where nobody leaves, or nothing is known of it, there is no forecast', () => {
  const activity = [{ activeCount: 4, stayedCount: 4 }];
  expect(lifetimeValues({ ...input, activity }).expected).toBeUndefined();
  expect(lifetimeValues({ ...input, activity: [] })).toMatchObject({
    expected: undefined,
    churnRate: { hasData: false, value: 0 },
    revenuePerPeriod: { hasData: false },
  });
});

test('a cohort of nobody has no figure, which is not one of 0', () => {
  const [cells] = lifetimeValues({ ...input, cohorts: [{ memberCount: 0, netMinorUnits: [0n] }] }).cohorts;
  expect(cells?.[0]).toMatchObject({ value: 0, hasData: false });
});
