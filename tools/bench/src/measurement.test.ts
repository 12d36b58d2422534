import { expect, test } from 'vitest';
import { latencyDetails, median, percentile, summarize } from './measurement.ts';

const claim = { name: 'x', unit: 'events/s', limit_name: 'copy.stream' };

test('each run is compared with the limits around it alone', () => {
  const { ratio, ratio_min, ratio_max, limit, value, runs } = summarize({ ...claim, better: 'more' }, [
    { ours: 50, limitBefore: 90, limitAfter: 110 },
    { ours: 20, limitBefore: 40, limitAfter: 60 },
    { ours: 120, limitBefore: 200, limitAfter: 200 },
  ]);

  expect({ ratio, ratio_min, ratio_max, limit, value, runs }).toEqual({
    ratio: 0.5,
    ratio_min: 0.4,
    ratio_max: 0.6,
    limit: 100,
    value: 50,
    runs: 3,
  });
});

test('where less is better, half the time is a ratio of two', () => {
  const { ratio } = summarize({ ...claim, unit: 'ms', better: 'less' }, [
    { ours: 5, limitBefore: 10, limitAfter: 10 },
  ]);

  expect(ratio).toBe(2);
});

test('percentiles are values that were seen', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);

  expect(percentile(values, 0.5)).toBe(100);
  expect(percentile(values, 0.99)).toBe(198);
  expect(latencyDetails('ack', values)).toEqual({
    ack_p50_ms: 100,
    ack_p99_ms: 198,
    ack_max_ms: 200,
    ack_samples: 200,
  });
});

test('nothing measured is an error, not a figure', () => {
  expect(() => median([])).toThrow(RangeError);
  expect(() => percentile([], 0.5)).toThrow(RangeError);
});
