import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { sleep } from '../src/index.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the process, sends the signals one after the other once it says it is ready, and waits for its end. */
async function run(behaviour: string, signals: readonly NodeJS.Signals[], pauseMs = 0): Promise<Ended> {
  const child = spawn(process.execPath, [
    new URL('process-under-test.ts', import.meta.url).pathname,
    behaviour,
  ]);
  let stdout = '';
  let stderr = '';
  const ready = new Promise<void>((resolve) =>
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('ready')) resolve();
    }),
  );
  const closing = new Promise<void>((resolve) =>
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (stderr.includes('"closing"')) resolve();
    }),
  );
  const ended = once(child, 'close');
  if (signals.length > 0) await ready;
  for (const signal of signals) {
    child.kill(signal);
    await Promise.race([closing, ended]);
    await Promise.race([sleep(pauseMs), ended]);
  }
  await ended;
  return { code: child.exitCode, stdout, stderr };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s closes what was opened and exits with 0', async (signal) => {
  const { code, stdout } = await run('normal', [signal]);
  expect(stdout).toBe('ready\nclosed\n');
  expect(code).toBe(0);
});

test('a signal while starting stops the start and exits with 0', async () => {
  const { code, stdout } = await run('slow-start', ['SIGTERM']);
  expect(stdout).toBe('ready\nclosed\n');
  expect(code).toBe(0);
});

test('a second signal ends a process that hangs in closing', async () => {
  const { code } = await run('stuck', ['SIGTERM', 'SIGTERM'], 1100);
  expect(code).toBe(130);
});

test('one Ctrl-C that comes twice, from the terminal and from npm, is one signal', async () => {
  const { code, stdout } = await run('slow-close', ['SIGINT', 'SIGINT']);
  expect(stdout).toBe('ready\nclosed\n');
  expect(code).toBe(0);
});

test('a start that fails is logged as fatal, closes what was opened and exits with 1', async () => {
  const { code, stdout, stderr } = await run('fails', []);
  expect(stdout).toBe('closed\n');
  expect(stderr).toContain('"level":"fatal"');
  expect(stderr).toContain('no database');
  expect(code).toBe(1);
});

test('an error that is caught nowhere is logged as fatal and exits with 1', async () => {
  const { code, stderr } = await run('throws-later', []);
  expect(stderr).toContain('caught nowhere');
  expect(code).toBe(1);
});
