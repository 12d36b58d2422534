import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const keptStderr = 16 * 1024;
const readyMs = 60_000;
const stopMs = 25_000;

/** A process of its own that serves on a port. */
export interface ServiceProcess {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ServiceProcessOptions {
  /** From the repository's root. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** How it says that it is ready; by `/readyz` unless told. */
  readonly readiness?: 'readyz' | 'listening';
}

/**
 * Starts a script that serves on the port in PARLEY_PORT, and returns when its `/readyz` says so, or when it listens at all.
 * @throws Error with what it said when it ends or is not ready within a minute.
 */
export async function startServiceProcess({
  script,
  env,
  readiness = 'readyz',
}: ServiceProcessOptions): Promise<ServiceProcess> {
  const url = `http://127.0.0.1:${env['PARLEY_PORT'] ?? ''}`;
  const child = spawn(process.execPath, [`${root}/${script}`], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-keptStderr);
  });
  const closed = once(child, 'close');
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const giveUp = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await closed;
      clearTimeout(giveUp);
    }
    process.removeListener('exit', endWithUs);
  };

  const deadline = performance.now() + readyMs;
  for (;;) {
    const isReady = readiness === 'readyz' ? await answersReady(url) : await listens(url);
    if (isReady) return { url, pid: child.pid ?? -1, stop };
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`${script} does not serve:\n${stderr}`);
    }
    await sleep(50);
  }
}

function answersReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function listens(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // Refused: not yet.
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('The free port has no number.');
  return address.port;
}
