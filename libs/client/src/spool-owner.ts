import { mkdir, readdir, rename, rmdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, isNotEmpty } from './segment.ts';

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

export interface Judge {
  /** Unix time in ms. */
  readonly now: number;
  readonly isRunning: (pid: number) => boolean;
  /**
   * Whether the judge itself was awake for the last moments. After a machine slept, all its processes have long touched
   * nothing, and those that wake first would take the others for dead.
   */
  readonly wasAwake: boolean;
}

/**
 * Moves the segments of owners that have ended into `mine`, and says which, each as it is moved. It is moved by one rename,
 * so of several who try, one gets it. An owner has ended when its process is gone (seen only on its own host) or its folder
 * was not touched for two minutes; taking one for dead that lives costs a duplicate that the service knows, but what it
 * goes on writing to a file that was taken is not found again.
 */
export async function* adoptSegments(
  root: string,
  mine: string,
  self: Owner,
  judge: Judge,
): AsyncGenerator<string> {
  for (const name of await readdir(root)) {
    const folder = join(root, name);
    const groups = ownerPattern.exec(name)?.groups;
    if (folder === mine || !groups) continue;
    const owner = {
      host: groups['host'] ?? '',
      pid: Number(groups['pid']),
      startedAt: Number(groups['startedAt']),
    };
    if (await hasEnded(folder, owner, self, judge)) yield* takeSegments(folder, mine);
  }
}

async function hasEnded(
  folder: string,
  owner: Owner,
  self: Owner,
  { now, isRunning, wasAwake }: Judge,
): Promise<boolean> {
  if (owner.pid === nobody) return true;
  if (owner.host === plain(self.host)) {
    if (owner.pid === self.pid) return owner.startedAt !== self.startedAt;
    if (!isRunning(owner.pid)) return true;
    if (!wasAwake) return false;
  }
  try {
    return now - (await stat(folder)).mtimeMs > abandonedAfterMs;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function* takeSegments(folder: string, mine: string): AsyncGenerator<string> {
  try {
    for (const name of await readdir(folder)) {
      if (!name.endsWith(segmentSuffix)) continue;
      const path = join(mine, name);
      if (await moved(join(folder, name), path)) yield path;
    }
    await rmdir(folder);
  } catch (error) {
    // Somebody else was faster with the folder, or its owner lives after all and goes on.
    if (!isMissing(error) && !isNotEmpty(error)) throw error;
  }
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
