import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

/** The root of this repository: the folder of buf.yaml. */
export const repository = join(import.meta.dirname, '..', '..');

/** What a run of buf said. */
export interface BufResult {
  readonly ok: boolean;
  /** Its standard output and standard error, trimmed. */
  readonly output: string;
}

/**
 * Runs buf in the folder `root`, which holds a buf.yaml; nothing that our files ask of it needs a network.
 * @throws Error when buf can't be started or takes longer than two minutes.
 */
export function runBuf(root: string, ...args: readonly string[]): BufResult {
  const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
  const plugins = join(repository, 'node_modules', '.bin');
  const { error, status, stdout, stderr } = spawnSync(process.execPath, [buf, ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${plugins}${delimiter}${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (error !== undefined) throw error;
  return { ok: status === 0, output: `${stdout}${stderr}`.trim() };
}
