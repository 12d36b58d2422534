import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeTextArray, encodeUuidArray, openDatabase } from '../src/index.ts';
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
    const echo = async (uuids: readonly string[], texts: readonly string[]): Promise<unknown> => {
      const { rows } = await database.query('select $1::uuid[]::text[] as uuids, $2::text[] as texts', [
        encodeUuidArray(uuids),
        encodeTextArray(texts),
      ]);
      return rows[0];
    };
    expect(await echo([], [])).toEqual({ uuids: [], texts: [] });
    const text = fc.string({ unit: 'grapheme' }).filter((it) => !it.includes('\0') && it.isWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(text), async (texts) => {
        const uuids = texts.map(() => randomUUID());
        expect(await echo(uuids, texts)).toEqual({ uuids, texts });
      }),
      { numRuns: 50 },
    );
  } finally {
    await database.close();
    await server.stop();
    await remove();
  }
});
