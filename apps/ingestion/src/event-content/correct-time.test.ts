import { expect, test } from 'vitest';
import { correctTime } from './correct-time.ts';

const at = (text: string) => new Date(`${text}Z`);
const received = at('2026-03-01T12:00:00');

test.each([
  ['nothing is known of the clock', '2026-02-20T00:00:00', undefined, '2026-02-20T00:00:00'],
  [
    'it was sent now, however long ago it occurred',
    '2026-02-20T00:00:00',
    '2026-03-01T12:00:00',
    '2026-02-20T00:00:00',
  ],
  ['it was a minute on its way', '2026-03-01T11:59:00', '2026-03-01T11:59:00', '2026-03-01T11:59:00'],
  ['the clock is an hour late', '2026-03-01T10:50:00', '2026-03-01T11:00:00', '2026-03-01T11:50:00'],
  ['the clock is two days ahead', '2026-03-03T11:50:00', '2026-03-03T12:00:00', '2026-03-01T11:50:00'],
  ['the clock begins at 1970', '1970-01-01T00:00:05', '1970-01-01T00:00:10', '2026-03-01T11:59:55'],
  [
    'it can not have been before the year 1',
    '0001-01-01T00:00:00',
    '9999-01-01T00:00:00',
    '0001-01-01T00:00:00',
  ],
])('%s', (_what, reported, sent, expected) => {
  expect(correctTime(at(reported), sent === undefined ? undefined : at(sent), received)).toEqual(
    at(expected),
  );
});
