import { mkdir, readdir, rename, rmdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from './segment.ts';

/** A process, as it signs its folder. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When it started, in ms of Unix time: tells apart processes that had the same number. */
  readonly startedAt: number;
}

/** How often an owner touches its folder, and for how long after that it is taken to live, in ms. */
export const heartbeatMs = 10_000;
export const abandonedAfterMs = 120_000;

const ownerPattern = /^(?<host>.+)\.(?<pid>\d+)\.(?<startedAt>\d+)\.[0-9a-f]+$/;
const segmentSuffix = '.segment';

export const segmentName = (id: string): string => `${id}${segmentSuffix}`;

/** The folder of one owner; `nonce` (hexadecimal) tells several of one process apart. */
export const ownFolder = (root: string, { host, pid, startedAt }: Owner, nonce: string): string =>
  join(root, `${plain(host)}.${pid}.${startedAt}.${nonce}`);

/** Gives up a folder that is not empty, so that any client may take its segments over at once. */
export async function abandonFolder(root: string, folder: string, { host }: Owner): Promise<void> {
  const nonce = folder.slice(folder.lastIndexOf('.') + 1);
  await rename(folder, ownFolder(root, { host, pid: nobody, startedAt: 0 }, nonce));
}

/** The number of no process. */
const nobody = 0;

const plain = (host: string): string => host.replace(/[^\w-]/g, '_');

/** Shows that the owner lives; makes its folder where it is not there. */
export async function touchFolder(folder: string, at: Date): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await utimes(folder, at, at);
}

/**
 * Moves the segments of owners that have ended into `mine`, and says which. Each segment is moved by one rename, so of
 * several who try, one gets it. An owner has ended when its process is gone (seen only on its own host) or its folder
 * was not touched for two minutes; taking one for dead that lives costs a duplicate that the service knows, never a loss.
 */
export async function adoptSegments(
  root: string,
  mine: string,
  self: Owner,
  { now, isRunning }: { readonly now: number; readonly isRunning: (pid: number) => boolean },
): Promise<string[]> {
  const adopted: string[] = [];
  for (const name of await readdir(root)) {
    const folder = join(root, name);
    const groups = ownerPattern.exec(name)?.groups;
    if (folder === mine || !groups) continue;
    const owner = {
      host: groups['host'] ?? '',
      pid: Number(groups['pid']),
      startedAt: Number(groups['startedAt']),
    };
    if (await hasEnded(folder, owner, self, now, isRunning))
      adopted.push(...(await takeSegments(folder, mine)));
  }
  return adopted;
}

async function hasEnded(
  folder: string,
  owner: Owner,
  self: Owner,
  now: number,
  isRunning: (pid: number) => boolean,
): Promise<boolean> {
  if (owner.pid === nobody) return true;
  if (owner.host === plain(self.host)) {
    if (owner.pid === self.pid) return owner.startedAt !== self.startedAt;
    if (!isRunning(owner.pid)) return true;
  }
  try {
    return now - (await stat(folder)).mtimeMs > abandonedAfterMs;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function takeSegments(folder: string, mine: string): Promise<string[]> {
  const taken: string[] = [];
  try {
    for (const name of await readdir(folder)) {
      if (!name.endsWith(segmentSuffix)) continue;
      const path = join(mine, name);
      if (await moved(join(folder, name), path)) taken.push(path);
    }
    await rmdir(folder);
  } catch (error) {
    // Somebody else was faster with the folder.
    if (!isMissing(error)) throw error;
  }
  return taken;
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
