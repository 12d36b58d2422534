import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, startChild, type Child, type Output } from './child-process.ts';
import { within } from './within.ts';

/** Parley in one process, as `npm start` runs it. */
export interface StandaloneProcess {
  readonly url: string;
  readonly operatorKey: string;
  /** By which the services know each other; from the data folder. */
  readonly serviceSecret: string;
  readonly databaseUrl: string;
  readonly child: Child;
  /** The CLI, with the operator's key unless told. */
  cli(args: readonly string[], options?: { readonly key?: string; readonly input?: string }): Promise<Output>;
  /** Stops it as Ctrl-C does, and removes its folder unless it is kept. */
  stop(): Promise<void>;
}

export interface StandaloneProcessOptions {
  /** Kept at the end; without one a temporary folder is used and removed. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  /** For Node itself. */
  readonly nodeArgs?: readonly string[];
}

const startMs = 60_000;
const commandMs = 300_000;

export async function startStandalone(options: StandaloneProcessOptions = {}): Promise<StandaloneProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'parley-e2e-')));
  const child = startChild({
    name: 'standalone',
    command: [
      'node',
      ...(options.nodeArgs ?? []),
      'apps/standalone/src/main.ts',
      ...['--port', '0', '--data-dir', dataDir, '--json'],
      ...(options.args ?? ['--no-demo']),
    ],
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const { url, admin_key: operatorKey, database_url: databaseUrl } = await readyLine(child);
    const cli: StandaloneProcess['cli'] = (args, { key = operatorKey, input } = {}) =>
      run({
        name: `parley ${args[0] ?? ''}`,
        command: ['node', 'apps/cli/src/main.ts', ...args],
        env: { PARLEY_URL: url, PARLEY_KEY: key },
        ...(input !== undefined && { input }),
        timeoutMs: commandMs,
      });
    const serviceSecret = await readServiceSecret(dataDir);
    return { url, operatorKey, serviceSecret, databaseUrl, child, cli, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readServiceSecret(dataDir: string): Promise<string> {
  const secrets = JSON.parse(await readFile(join(dataDir, 'secrets.json'), 'utf8')) as {
    serviceSecret: string;
  };
  return secrets.serviceSecret;
}

interface ReadyLine {
  readonly ready: true;
  readonly url: string;
  readonly admin_key: string;
  readonly database_url: string;
}

async function readyLine(child: Child): Promise<ReadyLine> {
  const first = await within(startMs, 'the ready line', firstLine(child.lines)).catch((cause: unknown) => {
    throw new Error(`The standalone did not start:\n${child.stderr().slice(-2000)}`, { cause });
  });
  const line: unknown = JSON.parse(first);
  if (!isReadyLine(line)) throw new Error(`This is no ready line: ${first}`);
  return line;
}

async function firstLine(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) return line;
  throw new Error('stdout ended without a line');
}

function isReadyLine(line: unknown): line is ReadyLine {
  if (typeof line !== 'object' || line === null) return false;
  const fields = new Map<string, unknown>(Object.entries(line));
  const texts = ['url', 'admin_key', 'database_url'];
  return fields.get('ready') === true && texts.every((name) => typeof fields.get(name) === 'string');
}
