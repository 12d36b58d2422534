import { expect, test } from 'vitest';
import { burnRules, burnStatus, burnWindowSeconds, defaultHealthRule, objectivesOf } from './slo-burn.ts';
import type { JudgedCount, Objective } from './slo-burn.ts';

const success: Objective = { name: 'success', target: 0.99 };
/** So many interactions an hour, of which such a share is bad in the last minutes and before. */
const traffic =
  (perHour: number, badShare: (seconds: number) => number) =>
  (seconds: number): JudgedCount => {
    const total = (perHour * seconds) / 3_600;
    return { total, bad: total * badShare(seconds) };
  };

test('a fifth of all failing for an hour pages, and one in fifty makes a ticket', () => {
  expect(
    burnStatus(
      success,
      traffic(1_000, () => 0.2),
    ).state,
  ).toBe('page');
  const slow = burnStatus(
    success,
    traffic(1_000, () => 0.02),
  );
  expect(slow.state).toBe('ticket');
  expect(slow.burnRates.map(({ longBurnRate }) => longBurnRate.toFixed(3))).toEqual([
    '2.000',
    '2.000',
    '2.000',
  ]);
  expect(
    burnStatus(
      success,
      traffic(1_000, () => 0.005),
    ).state,
  ).toBe('ok');
});

test('what is over does not page any more: the short window says so', () => {
  const over = traffic(1_000, (seconds) => (seconds <= 300 ? 0 : 0.2));
  const [fast] = burnStatus(success, over).burnRates;
  expect(fast).toMatchObject({ isAlerting: false, shortBurnRate: 0 });
  expect(fast?.longBurnRate).toBeCloseTo(20, 9);
});

test('exactly at the threshold nobody is called, as in the Workbook', () => {
  const halves: Objective = { name: 'success', target: 0.5 };
  expect(burnStatus(halves, () => ({ total: 1_000, bad: 500 })).state).toBe('ok');
  expect(burnStatus(halves, () => ({ total: 1_000, bad: 501 })).state).toBe('ticket');
});

test('the threshold is exact whatever the target, also where doubles are not', () => {
  for (const percent of [51, 60, 75, 80, 90, 95, 99]) {
    const objective: Objective = { name: 'success', target: percent / 100 };
    for (const { threshold } of burnRules(objective)) {
      for (const total of [1_000, 12_500, 1_000_000]) {
        const isAbove = (bad: number): boolean => {
          const { burnRates } = burnStatus(objective, () => ({ total, bad }));
          return burnRates.some((rate) => rate.threshold === threshold && rate.isAlerting);
        };
        // In whole numbers: bad / total × 100 / (100 - percent) = threshold.
        const atThreshold = Math.floor((threshold * 10 * (100 - percent) * total) / 1_000);
        expect(isAbove(atThreshold)).toBe(false);
        expect(isAbove(atThreshold + 1)).toBe(true);
      }
    }
  }
});

test('of little traffic nothing is said, however bad', () => {
  expect(burnStatus(success, () => ({ total: 99, bad: 99 })).state).toBe('insufficient_data');
  expect(burnStatus(success, () => ({ total: 0, bad: 0 })).state).toBe('insufficient_data');
  // In three days there is enough for the ticket alone.
  expect(
    burnStatus(
      success,
      traffic(10, () => 1),
    ).state,
  ).toBe('ticket');
});

test('a loose objective has no rule that could never alert', () => {
  const thresholds = (target: number) =>
    burnRules({ name: 'success', target }).map(({ threshold }) => threshold);
  expect(thresholds(0.99)).toEqual([14.4, 6, 1]);
  expect(thresholds(0.9306)).toEqual([14.4, 6, 1]);
  expect(thresholds(0.93)).toEqual([6, 1]);
  expect(thresholds(0.8)).toEqual([1]);
  expect(objectivesOf(defaultHealthRule).map(({ target }) => target)).toEqual([0.99, 0.95]);
});

test('each window is asked for under its length', () => {
  expect(burnWindowSeconds).toEqual([259_200, 21_600, 3_600, 1_800, 300]);
});
