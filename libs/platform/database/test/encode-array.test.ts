import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeByteaArray,
  encodeDateArray,
  encodeInt2Array,
  encodeInt4Array,
  encodeInt8Array,
  encodeTextArray,
  encodeTimestampArray,
  encodeUuidArray,
  openDatabase,
} from '../src/index.ts';
import { logger, startServer } from './servers.ts';

interface Items {
  readonly uuids: readonly string[];
  readonly texts: readonly string[];
  readonly int2s: readonly number[];
  readonly int4s: readonly number[];
  readonly int8s: readonly number[];
  /** Hexadecimal. */
  readonly bytes: readonly string[];
  /** Milliseconds since 1970. */
  readonly times: readonly number[];
  /** Days since 1970. */
  readonly days: readonly number[];
}

const none: Items = { uuids: [], texts: [], int2s: [], int4s: [], int8s: [], bytes: [], times: [], days: [] };

const items: fc.Arbitrary<Items> = fc.record({
  uuids: fc.array(fc.uuid()),
  texts: fc.array(fc.string({ unit: 'grapheme' }).filter((it) => !it.includes('\0') && it.isWellFormed())),
  int2s: fc.array(fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })),
  int4s: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  int8s: fc.array(fc.maxSafeInteger()),
  bytes: fc.array(fc.uint8Array().map((it) => Buffer.from(it).toString('hex'))),
  times: fc.array(fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(2200, 0) })),
  days: fc.array(fc.integer({ min: -20_000, max: 100_000 })),
});

test('Postgres reads the arrays that were encoded, empty ones and any text', async () => {
  const { server, remove } = await startServer(undefined);
  const database = await openDatabase({
    url: server.adminUrl,
    service: 'public',
    poolSize: 1,
    applicationName: 'test',
    statementTimeoutMs: 10_000,
    logger,
  });
  try {
    const echo = async ({ uuids, texts, int2s, int4s, int8s, bytes, times, days }: Items) => {
      const { rows } = await database.query(
        `select $1::uuid[]::text[] as uuids, $2::text[] as texts, $3::smallint[]::integer[] as int2s,
                $4::integer[] as int4s, to_json($5::bigint[]) as int8s,
                array(select encode(b, 'hex') from unnest($6::bytea[]) b) as bytes,
                array(select (extract(epoch from t) * 1000)::float8 from unnest($7::timestamptz[]) t) as times,
                array(select d - date '1970-01-01' from unnest($8::date[]) d) as days`,
        [
          encodeUuidArray(uuids),
          encodeTextArray(texts),
          encodeInt2Array(int2s),
          encodeInt4Array(int4s),
          encodeInt8Array(int8s),
          encodeByteaArray(bytes.map((hex) => Buffer.from(hex, 'hex'))),
          encodeTimestampArray(times),
          encodeDateArray(days),
        ],
      );
      return rows[0];
    };
    expect(await echo(none)).toEqual(none);
    await fc.assert(
      fc.asyncProperty(items, async (any) => {
        expect(await echo(any)).toEqual(any);
      }),
      { numRuns: 50 },
    );
  } finally {
    await database.close();
    await server.stop();
    await remove();
  }
});

test('a number that the type does not hold is refused', () => {
  expect(() => encodeInt2Array([2 ** 15])).toThrow(RangeError);
  expect(() => encodeInt4Array([2 ** 31])).toThrow(RangeError);
  expect(() => encodeInt8Array([2 ** 53])).toThrow(RangeError);
  expect(() => encodeInt8Array([0.5])).toThrow(RangeError);
  expect(() => encodeTimestampArray([Date.UTC(2300, 0)])).toThrow(RangeError);
});
