import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  abandonedAfterMs,
  adoptSegments,
  ownFolder,
  segmentName,
  touchFolder,
  type Judge,
  type Owner,
} from './spool-owner.ts';

const now = Date.UTC(2026, 2, 8);
const self: Owner = { host: 'here', pid: 100, startedAt: 1 };

/** A folder in which owners, each last seen so long ago, left a segment named after them. */
async function folderOf(...left: readonly (readonly [Owner, number])[]) {
  const root = await mkdtemp(join(tmpdir(), 'parley-owners-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const mine = ownFolder(root, self, 'aa');
  await touchFolder(mine, new Date(now));
  for (const [owner, agoMs] of left) {
    const folder = ownFolder(root, owner, 'bb');
    await mkdir(folder);
    await writeFile(join(folder, segmentName(`${owner.host}-${owner.pid}`)), '');
    await utimes(folder, new Date(now - agoMs), new Date(now - agoMs));
  }
  return { root, mine };
}

async function adopt({ root, mine }: { root: string; mine: string }, told: Partial<Judge> = {}) {
  const judge = { now, isRunning: (pid: number) => pid === 7, wasAwake: true, ...told };
  return (await Array.fromAsync(adoptSegments(root, mine, self, judge))).map((path) =>
    path.slice(mine.length + 1),
  );
}

const long = abandonedAfterMs + 1;
const running: Owner = { host: 'here', pid: 7, startedAt: 1 };
const gone: Owner = { host: 'here', pid: 8, startedAt: 1 };
const elsewhere: Owner = { host: 'there', pid: 7, startedAt: 1 };

test('what a process left that is gone is taken at once, of one that may live only when it was silent for two minutes', async () => {
  expect(await adopt(await folderOf([running, 0], [gone, 0], [elsewhere, 0]))).toEqual(['here-8.segment']);
  const found = await adopt(await folderOf([running, long], [gone, 0], [elsewhere, long]));
  expect(found.sort()).toEqual(['here-7.segment', 'here-8.segment', 'there-7.segment']);
});

test('one who slept takes nothing from those of its machine that slept as long', async () => {
  const folder = await folderOf([running, long], [gone, long], [elsewhere, long]);
  expect((await adopt(folder, { wasAwake: false })).sort()).toEqual(['here-8.segment', 'there-7.segment']);
});

test('what was moved is told although a folder is still written to', async () => {
  const folder = await folderOf([gone, 0], [elsewhere, long]);
  const judge = { now, isRunning: () => false, wasAwake: true };
  const found: string[] = [];
  for await (const path of adoptSegments(folder.root, folder.mine, self, judge)) {
    found.push(path);
    const from = ownFolder(folder.root, path.includes('here-') ? gone : elsewhere, 'bb');
    await writeFile(join(from, segmentName('later')), '');
  }
  expect(found).toHaveLength(2);
  expect(await readdir(folder.mine)).toHaveLength(2);
  expect(await adopt(folder)).toEqual(['later.segment']);
});
