import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSecrets, saveSecrets } from './secrets.ts';

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'parley-secrets-'));

test('a second start finds the secrets of the first, and another folder has others', async () => {
  const folder = await newFolder();
  const first = await loadSecrets(folder);
  expect(await loadSecrets(folder)).toEqual(first);
  expect(await loadSecrets(await newFolder())).not.toEqual(first);
  expect(new Set(Object.values(first)).size).toBe(3);
});

test('secrets are readable by their owner alone, also once they have been saved again', async () => {
  const folder = await newFolder();
  await saveSecrets(folder, { ...(await loadSecrets(folder)), demoKey: 'plk_demo' });
  expect((await stat(join(folder, 'secrets.json'))).mode & 0o777).toBe(0o600);
  expect(await loadSecrets(folder)).toMatchObject({ demoKey: 'plk_demo' });
});

test('a file that is not what was written there is refused and left as it is', async () => {
  const folder = await newFolder();
  const file = join(folder, 'secrets.json');
  await writeFile(file, '{"operatorKey": 1}');
  await expect(loadSecrets(folder)).rejects.toThrow(/is not what Parley wrote there/);
  expect(await readFile(file, 'utf8')).toBe('{"operatorKey": 1}');
});
