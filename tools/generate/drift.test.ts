import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findDrift } from './drift.ts';

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-drift-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

test('equal folders have not drifted', () => {
  const files = { 'a/one.ts': '1', 'two.ts': '2' };
  expect(findDrift(folderWith(files), folderWith(files))).toEqual([]);
});

test('an edited, a forgotten and a left over file are each named', () => {
  const committed = folderWith({ 'a/one.ts': 'edited', 'old.ts': '0', 'same.ts': '=' });
  const fresh = folderWith({ 'a/one.ts': '1', 'b/new.ts': '2', 'same.ts': '=' });
  expect(findDrift(committed, fresh)).toEqual([
    { path: join('a', 'one.ts'), is: 'changed' },
    { path: join('b', 'new.ts'), is: 'missing' },
    { path: 'old.ts', is: 'left over' },
  ]);
});
