import type { PostgresServer } from '@parley/postgres';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyIn, openDatabase } from '../src/index.ts';
import type { CopyTarget, Database } from '../src/index.ts';
import { logger, startServer } from './servers.ts';

let server: PostgresServer;
let remove: () => Promise<void>;
let database: Database;
const target: CopyTarget = {
  table: 'everything',
  columns: [
    ['n', 'int4'],
    ['bool', 'bool'],
    ['int2', 'int2'],
    ['int8', 'int8'],
    ['uuid', 'uuid'],
    ['text', 'text'],
    ['bytea', 'bytea'],
    ['at', 'timestamptz'],
  ],
};

beforeAll(async () => {
  ({ server, remove } = await startServer(undefined));
  database = await openDatabase({
    url: server.adminUrl,
    service: 'public',
    poolSize: 1,
    applicationName: 'copy',
    statementTimeoutMs: 10_000,
    logger,
  });
  await database.query(
    'create table everything (n int, bool bool, int2 int2, int8 int8, uuid uuid, text text, bytea bytea, at timestamptz)',
  );
});
afterAll(async () => {
  await database.close();
  await remove();
});

const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });
const row = fc.tuple(
  orNull(fc.boolean()),
  orNull(fc.integer({ min: -32_768, max: 32_767 })),
  orNull(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  orNull(fc.uuid()),
  // Postgres holds no NUL in text, and a lone surrogate is no text.
  orNull(
    fc.string({ unit: 'binary', maxLength: 300 }).map((text) => text.replaceAll('\0', '').toWellFormed()),
  ),
  orNull(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
  orNull(
    fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    }),
  ),
);

test('whatever is written by COPY is read back the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 50 }), async (rows) => {
      const numbered = rows.map((values, n) => [n, ...values]);
      const read = await database.transaction(async (tx) => {
        await tx.query('truncate everything');
        expect(await copyIn(tx.client, target, numbered)).toBe(rows.length);
        return tx.query('select * from everything order by n');
      });
      expect(read.rows.map((values) => Object.values(values))).toEqual(numbered);
    }),
    { numRuns: 200 },
  );
});

test('microseconds are kept where they are given', async () => {
  const micros = 1_794_000_000_123_457n;
  const { rows } = await database.transaction(async (tx) => {
    await tx.query('truncate everything');
    await copyIn(tx.client, { table: 'everything', columns: [['at', 'timestamptz']] }, [[micros]]);
    return tx.query('select (extract(epoch from at) * 1000000)::int8 as micros from everything');
  });
  expect(rows).toEqual([{ micros }]);
});

test('a uuid may come as text with or without hyphens, or as bytes', async () => {
  const id = '018f0000-0000-7000-8000-00000000000a';
  const bare = id.replaceAll('-', '');
  const { rows } = await database.transaction(async (tx) => {
    await tx.query('truncate everything');
    const columns = [['uuid', 'uuid']] as const;
    await copyIn(tx.client, { table: 'everything', columns }, [[id], [bare], [Buffer.from(bare, 'hex')]]);
    return tx.query('select distinct uuid from everything');
  });
  expect(rows).toEqual([{ uuid: id }]);
});

test('values come back as what they are', async () => {
  const { rows } = await database.query(`
    select 9007199254740993::int8 as int8, array[1, null]::int8[] as int8s, 1.10::numeric as numeric,
           date '2026-03-29' as day, array[date '2026-03-29'] as days, timestamptz '2026-01-01T00:00:00.5Z' as at,
           '{"a":1}'::jsonb as json, 0.5::float8 as float8, '\\x00ff'::bytea as bytes, true as bool`);
  expect(rows).toEqual([
    {
      int8: 9_007_199_254_740_993n,
      int8s: [1n, null],
      numeric: '1.10',
      day: '2026-03-29',
      days: ['2026-03-29'],
      at: new Date('2026-01-01T00:00:00.500Z'),
      json: { a: 1 },
      float8: 0.5,
      bytes: Buffer.from([0, 255]),
      bool: true,
    },
  ]);
});
