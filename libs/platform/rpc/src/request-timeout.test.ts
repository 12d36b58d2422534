import { expect, test } from 'vitest';
import { settleTimeout } from './request-timeout.ts';

test.each([
  [undefined, '10000m', 10_000],
  ['5S', '5S', 5000],
  ['60S', '60S', 60_000],
  ['61S', '60000m', 60_000],
  ['99999999H', '60000m', 60_000],
  ['500000u', '500000u', 500],
  ['nonsense', 'nonsense', 10_000],
])('a grpc-timeout of %s becomes %s', (asked, settled, ms) => {
  const header = new Headers(asked === undefined ? {} : { 'grpc-timeout': asked });
  expect(settleTimeout(header, true, 10_000, 60_000)).toBe(ms);
  expect(header.get('grpc-timeout')).toBe(settled);
});

test.each([
  [undefined, '10000', 10_000],
  ['5000', '5000', 5000],
  ['9999999999', '60000', 60_000],
  ['-1', '-1', 10_000],
])('a connect-timeout-ms of %s becomes %s', (asked, settled, ms) => {
  const header = new Headers(asked === undefined ? {} : { 'connect-timeout-ms': asked });
  expect(settleTimeout(header, false, 10_000, 60_000)).toBe(ms);
  expect(header.get('connect-timeout-ms')).toBe(settled);
});

test('a limit of days is written within the eight digits of gRPC', () => {
  const header = new Headers();
  settleTimeout(header, true, 48 * 3_600_000, 48 * 3_600_000);
  expect(header.get('grpc-timeout')).toBe('172800S');
});
