import { readFile } from 'node:fs/promises';

/** Resident memory of a process, in MiB. */
export async function readProcessMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}
