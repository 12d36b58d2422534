import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Child } from './child-process.ts';

/** What a process holds when all garbage is collected, in MiB. */
export interface HeldMemory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** With what `node` must be started so that it can be asked. */
export const reportsMemory: readonly string[] = [
  '--expose-gc',
  '--import',
  fileURLToPath(new URL('report-memory.ts', import.meta.url)),
];

const answerMs = 10_000;

/** Asks a process that was started with `reportsMemory`. @throws Error when it does not answer within 10 s. */
export async function readHeldMemory(child: Child): Promise<HeldMemory> {
  const before = lastAnswer(child)?.number ?? 0;
  child.signal('SIGUSR2');
  const deadline = performance.now() + answerMs;
  while (performance.now() < deadline) {
    await sleep(20);
    const answer = lastAnswer(child);
    if (answer !== undefined && answer.number > before) return answer.memory;
  }
  throw new Error(`${child.name} does not say what memory it holds.`);
}

function lastAnswer(child: Child): { readonly number: number; readonly memory: HeldMemory } | undefined {
  const [, number, json] = [...child.stderr().matchAll(/^held-memory (\d+) (\{.*\})$/gm)].at(-1) ?? [];
  if (json === undefined) return undefined;
  const { rss, heapUsed, external } = JSON.parse(json) as HeldMemory;
  const inMiB = (bytes: number): number => Math.round((bytes / 1024 / 1024) * 10) / 10;
  return {
    number: Number(number),
    memory: { rss: inMiB(rss), heapUsed: inMiB(heapUsed), external: inMiB(external) },
  };
}
