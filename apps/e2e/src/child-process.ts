import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Where the repository is. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface ChildOptions {
  /** What messages call it. */
  readonly name: string;
  /** A program, and its arguments; `node` is the one that runs this. */
  readonly command: readonly [string, ...string[]];
  /** Added to the few variables that every program needs; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that we started. It ends with us, whatever happens. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  hasExited(): boolean;
  /** The lines of stdout as they come; to be read by one reader. */
  readonly lines: AsyncIterable<string>;
  /** The last of what it said on stderr. */
  stderr(): string;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when it has not ended within the time. */
  stop(graceMs?: number): Promise<Exit>;
}

const keptStderr = 64 * 1024;

export function startChild({ name, command, env, cwd = root, input }: ChildOptions): Child {
  const [program, ...args] = command;
  const child = spawn(program === 'node' ? process.execPath : program, args, {
    cwd,
    env: { ...inherited(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A child that ends without having read its input breaks the pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-keptStderr);
  });
  let exit: Exit | undefined;
  const exited = waitForExit(child, name).then((how) => (exit = how));
  // Whoever waits for it hears of it.
  exited.catch(() => undefined);
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  void exited.finally(() => process.removeListener('exit', endWithUs)).catch(() => undefined);

  return {
    name,
    pid: child.pid ?? -1,
    exited,
    hasExited: () => exit !== undefined,
    lines: createInterface({ input: child.stdout }),
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    async stop(graceMs = 50_000) {
      if (exit) return exit;
      child.kill('SIGTERM');
      const giveUp = setTimeout(() => child.kill('SIGKILL'), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(giveUp);
      }
    },
  };
}

export interface Output extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. One that takes longer than `timeoutMs` (a minute unless told) is killed. */
export async function run(options: ChildOptions & { readonly timeoutMs?: number }): Promise<Output> {
  const child = startChild(options);
  const giveUp = setTimeout(() => child.signal('SIGKILL'), options.timeoutMs ?? 60_000);
  try {
    const lines = await Array.fromAsync(child.lines);
    const exit = await child.exited;
    return { ...exit, stdout: lines.join('\n'), stderr: child.stderr() };
  } finally {
    clearTimeout(giveUp);
  }
}

async function waitForExit(child: ChildProcess, name: string): Promise<Exit> {
  // The output is complete at `close`; a program that can't be started has only an `error`.
  const [code, signal] = (await once(child, 'close').catch((cause: unknown) => {
    throw new Error(`${name} could not be started.`, { cause });
  })) as [number | null, NodeJS.Signals | null];
  return { code, signal };
}

function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'USER'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
