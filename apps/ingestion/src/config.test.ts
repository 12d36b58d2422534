import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ingestionSettings } from './config.ts';

test('the README tells of every setting', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
  const told = [...readme.matchAll(/^\| `(PARLEY_\w+)`/gm)].map(([, name]) => name);
  expect(told).toEqual(Object.keys(ingestionSettings));
});
