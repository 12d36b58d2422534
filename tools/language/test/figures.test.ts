import { expect, test } from 'vitest';
import { areaUnderRoc, calibrationError, f1Of, precisionAndRecall, seededOrder } from '../figures.ts';

test('figures have the values that paper and pencil give', () => {
  expect(areaUnderRoc([1, 2, 3], [3, 4])).toBeCloseTo((2.5 + 3) / 6);
  expect(areaUnderRoc([1], [1])).toBe(0.5);
  expect(calibrationError([0.9, 0.9], [true, false])).toBeCloseTo(0.4);
  const lines = [
    { text: 'a', label: 'x' },
    { text: 'b', label: 'y' },
  ];
  expect(f1Of(['x', 'y'], lines, () => 'x')).toBeCloseTo((2 / 3 + 0) / 2);
  const read = [
    { label: 'x', intent: 'x' },
    { label: 'x', intent: 'y' },
    { label: 'y', intent: 'y' },
  ];
  expect(precisionAndRecall(read)).toEqual([
    { label: 'x', precision: 1, recall: 0.5 },
    { label: 'y', precision: 0.5, recall: 1 },
  ]);
  expect([...seededOrder(50)].sort((one, other) => one - other)).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  );
});
