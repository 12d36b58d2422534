import { expect, test } from 'vitest';
import { pageSizeOf, readPageToken, readTokenTime, writePageToken } from './pages.ts';

test('a page has the usual size unless told, and never more than the most', () => {
  expect([0, 7, 1000, 1001].map((asked) => pageSizeOf(asked, { usual: 50 }))).toEqual([50, 7, 1000, 1000]);
});

test('a token brings its cursor back to the same list only', () => {
  const token = writePageToken(['own', undefined], ['1', 'ü"\n']);
  expect(readPageToken(token, ['own', undefined], 2)).toEqual(['1', 'ü"\n']);
  expect(readPageToken('', ['own', undefined], 2)).toBeUndefined();
  const foreign = [
    () => readPageToken(token, ['other', undefined], 2),
    () => readPageToken(token, ['own'], 2),
    () => readPageToken(token, ['own', undefined], 1),
    () => readPageToken(`x${token}`, ['own', undefined], 2),
    () => readPageToken('{}', ['own', undefined], 2),
    () => readTokenTime('yesterday'),
    () => readTokenTime(undefined),
  ];
  for (const read of foreign) {
    expect(read).toThrow(
      expect.objectContaining({ violations: [expect.objectContaining({ field: 'page_token' })] }),
    );
  }
});
