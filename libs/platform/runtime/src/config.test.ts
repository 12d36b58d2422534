import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, loadConfig } from './config.ts';

const schema = z.object({
  PARLEY_PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  PARLEY_OPERATOR_KEY: z.string().min(32, 'must have at least 32 characters'),
  PARLEY_DEMO: z.stringbool().default(true),
});
const key = 'k'.repeat(32);

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

test('values are typed and defaults fill what is absent or empty', () => {
  const { values } = loadConfig(schema, { PARLEY_OPERATOR_KEY: key, PARLEY_DEMO: 'false', PARLEY_PORT: '' });
  expect(values).toEqual({ PARLEY_PORT: 8080, PARLEY_OPERATOR_KEY: key, PARLEY_DEMO: false });
});

test('all faults are reported at once, without quoting a value', () => {
  const faults = faultsOf({ PARLEY_PORT: 'http', PARLEY_OPERATOR_KEY: 'short-secret' });
  expect(faults).toHaveLength(2);
  expect(faults[0]).toMatch(/^PARLEY_PORT: /);
  expect(faults[1]).toBe('PARLEY_OPERATOR_KEY: must have at least 32 characters');
  expect(faults.join()).not.toContain('short-secret');
});

test('a variable that must be there is named as missing', () => {
  expect(faultsOf({})).toEqual(['PARLEY_OPERATOR_KEY is missing']);
});

test('NAME_FILE gives the value of NAME from a file', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'parley-config-')), 'key');
  writeFileSync(file, `${key}\n`);
  expect(loadConfig(schema, { PARLEY_OPERATOR_KEY_FILE: file }).values.PARLEY_OPERATOR_KEY).toBe(key);
  expect(faultsOf({ PARLEY_OPERATOR_KEY_FILE: file, PARLEY_OPERATOR_KEY: key })).toEqual(
    expect.arrayContaining([expect.stringContaining('are both given')]),
  );
  expect(faultsOf({ PARLEY_OPERATOR_KEY_FILE: `${file}-absent` })[0]).toContain("can't be read");
});

test('an unknown PARLEY_ name is a warning', () => {
  const env = { PARLEY_OPERATOR_KEY: key, PARLEY_PROT: '1', PARLEY_OTHER: '1', HOME: '/' };
  expect(loadConfig(schema, env, ['PARLEY_OTHER']).warnings).toEqual([
    'PARLEY_PROT is set, but nothing reads it',
  ]);
});
