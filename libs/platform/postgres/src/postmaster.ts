import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { kill } from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@parley/runtime';
import type { Cluster } from './cluster.ts';
import { ignoreMissing, PROGRAM_ENVIRONMENT } from './runner.ts';

/** One run of a Postgres server process, from spawn to exit. */
export interface Postmaster {
  /** Ends when the process has; says how, with the last lines it wrote. Never rejects. */
  readonly exited: Promise<string>;
  readonly hasExited: () => boolean;
  /** INT: fast, clean stop. QUIT: immediate stop, recovery at the next start. */
  signal(name: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): void;
  /** True once it takes connections. */
  isReady(): Promise<boolean>;
}

/** Lines kept to explain an exit. */
const LAST_LINES = 20;

/** Starts a server on the cluster; a session of its own keeps a terminal's Ctrl-C from it, we stop it in order. */
export function spawnPostmaster(
  cluster: Cluster,
  program: string,
  settings: Readonly<Record<string, string>>,
  logger: Logger,
): Postmaster {
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command, ...args] = cluster.runner.command(program, ['-D', cluster.path, ...options]);
  const child = spawn(command, args, {
    cwd: '/',
    env: PROGRAM_ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > LAST_LINES) lines.shift();
    // Who loses a connection reports it; at a stop, those lost are only being closed.
    const isLoss = line.includes('terminating connection due to administrator command');
    if (/\b(FATAL|PANIC):/.test(line) && !isLoss) logger.warn({ postgres: line }, 'Postgres reports');
    else logger.debug({ postgres: line }, 'Postgres says');
  });
  let hasExited = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  const exited = ended.then(async (how) => {
    hasExited = true;
    // Backends that outlive a killed postmaster hold the pipe open, so its end is awaited only for a moment.
    if (!child.stderr.readableEnded) await Promise.race([once(child.stderr, 'end'), sleep(200)]);
    return [how, ...lines].join('\n');
  });
  return {
    exited,
    hasExited: () => hasExited,
    signal: (name) => void child.kill(name),
    isReady: async () => {
      const status = await readStatus(cluster.path);
      return status !== undefined && status.pid === child.pid && status.isReady;
    },
  };
}

/**
 * The process that holds the cluster, if one lives. A lock file left by a crash whose process number now belongs
 * to something else is removed: Postgres itself would take that process for a server and refuse to start.
 */
export async function findHolder(cluster: string): Promise<number | undefined> {
  const pid = (await readStatus(cluster))?.pid;
  if (pid === undefined || !isAlive(pid)) return undefined;
  if (platform() !== 'linux') return pid;
  let folder: string;
  try {
    folder = await readlink(`/proc/${pid}/cwd`);
  } catch {
    // Either it has just ended, or it is another user's and can't be looked into: then it must be believed.
    return isAlive(pid) ? pid : undefined;
  }
  if (folder === (await realpath(cluster))) return pid;
  await rm(join(cluster, 'postmaster.pid'), { force: true });
  return undefined;
}

/** Postgres keeps its state in this file: line 1 is its process, line 8 its status. */
async function readStatus(cluster: string): Promise<{ pid: number; isReady: boolean } | undefined> {
  const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(ignoreMissing))?.split('\n');
  const pid = Number(lines?.[0]);
  // A lock file that is being written may be empty.
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, isReady: lines?.[7]?.trim() === 'ready' };
}

function isAlive(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
