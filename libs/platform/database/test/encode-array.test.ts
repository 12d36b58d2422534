import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeInt4Array,
  encodeInt8Array,
  encodeTextArray,
  encodeUuidArray,
  openDatabase,
} from '../src/index.ts';
import { logger, startServer } from './servers.ts';

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
    const echo = async (
      uuids: readonly string[],
      texts: readonly string[],
      int4s: readonly number[],
      int8s: readonly number[],
    ): Promise<unknown> => {
      const { rows } = await database.query(
        `select $1::uuid[]::text[] as uuids, $2::text[] as texts, $3::integer[] as int4s,
                $4::bigint[]::text[] as int8s`,
        [encodeUuidArray(uuids), encodeTextArray(texts), encodeInt4Array(int4s), encodeInt8Array(int8s)],
      );
      return rows[0];
    };
    expect(await echo([], [], [], [])).toEqual({ uuids: [], texts: [], int4s: [], int8s: [] });
    const int4 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const text = fc.string({ unit: 'grapheme' }).filter((it) => !it.includes('\0') && it.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        fc.array(text),
        fc.array(int4),
        fc.array(fc.maxSafeInteger()),
        async (texts, int4s, int8s) => {
          const uuids = texts.map(() => randomUUID());
          expect(await echo(uuids, texts, int4s, int8s)).toEqual({
            uuids,
            texts,
            int4s,
            int8s: int8s.map(String),
          });
        },
      ),
      { numRuns: 50 },
    );
    expect(() => encodeInt4Array([2 ** 31])).toThrow(RangeError);
    expect(() => encodeInt8Array([2 ** 53])).toThrow(RangeError);
    expect(() => encodeInt8Array([0.5])).toThrow(RangeError);
  } finally {
    await database.close();
    await server.stop();
    await remove();
  }
});
