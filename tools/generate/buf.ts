import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

/** The root of the repository. */
export const root = join(import.meta.dirname, '..', '..');

/** What a run of buf said. */
export interface BufResult {
  readonly ok: boolean;
  /** Its standard output and standard error, trimmed. */
  readonly output: string;
}

/**
 * Runs buf, offline, in the root of the repository.
 * @throws Error when buf can't be started or takes longer than two minutes.
 */
export function runBuf(...args: readonly string[]): BufResult {
  const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
  const plugins = join(root, 'node_modules', '.bin');
  const { error, status, stdout, stderr } = spawnSync(process.execPath, [buf, ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${plugins}${delimiter}${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (error !== undefined) throw error;
  return { ok: status === 0, output: `${stdout}${stderr}`.trim() };
}
