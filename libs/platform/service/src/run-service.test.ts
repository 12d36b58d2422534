import { expect, test } from 'vitest';
import { z } from 'zod';
import { runService, type RunServiceOptions } from './run-service.ts';

const settings = { PARLEY_TEST_NUMBER: z.coerce.number().int() };

function run(options: Partial<RunServiceOptions<typeof settings>> = {}) {
  const said: string[] = [];
  const code = runService({
    service: 'test',
    argv: [],
    env: {},
    stderr: { write: (text) => said.push(text) },
    settings,
    create: () => Promise.reject(new Error('not asked for')),
    migrate: () => Promise.reject(new Error('not asked for')),
    ...options,
  });
  return { code, said };
}

test('an unknown command is told, with exit code 2', async () => {
  const { code, said } = run({ argv: ['mirgate'] });
  expect(await code).toBe(2);
  expect(said.join('')).toContain('Unknown command: mirgate');
});

test('everything that is wrong with the configuration is told at once, and no value is', async () => {
  const { code, said } = run({
    env: {
      PARLEY_PORT: '70000',
      PARLEY_DATABASE_URL: 'mysql://root:hunter2@db/parley',
      PARLEY_TEST_NUMBER: 'many',
    },
  });
  expect(await code).not.toBe(0);
  const text = said.join('');
  for (const name of [
    'PARLEY_PORT',
    'PARLEY_DATABASE_URL',
    'PARLEY_DATABASE_SECRET',
    'PARLEY_SERVICE_SECRET',
    'PARLEY_TEST_NUMBER',
  ]) {
    expect(text).toContain(name);
  }
  expect(text).not.toContain('hunter2');
});

test('migrate is given the database of the one who may make roles, and ends', async () => {
  const given: unknown[] = [];
  const { code } = run({
    argv: ['migrate'],
    env: {
      PARLEY_LOG_LEVEL: 'silent',
      PARLEY_ADMIN_DATABASE_URL: 'postgresql://admin@127.0.0.1/parley',
      PARLEY_DATABASE_SECRET: 'sixteen characters',
    },
    migrate: ({ adminUrl, databaseSecret }) => {
      given.push(adminUrl, databaseSecret);
      return Promise.resolve();
    },
  });
  expect(await code).toBe(0);
  expect(given).toEqual(['postgresql://admin@127.0.0.1/parley', 'sixteen characters']);
});
