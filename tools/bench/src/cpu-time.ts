import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second, whatever the kernel's clock. */
const microsPerTick = 10_000;

interface ProcessTimes {
  readonly parent: number;
  readonly own: number;
  /** Of children that have ended. */
  readonly ofChildren: number;
}

/** CPU time of a process in microseconds so far, its ended children not counted; undefined where there is no /proc. */
export function cpuMicrosOf(pid: number): number | undefined {
  return readTimes(pid)?.own;
}

/** CPU time in microseconds of a process, its children and those that have ended: all of Postgres by its postmaster. */
export function cpuMicrosOfFamily(pid: number): number | undefined {
  const root = readTimes(pid);
  if (root === undefined) return undefined;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readTimes(Number(name)))
    .filter((times) => times?.parent === pid)
    .reduce((sum, times) => sum + (times?.own ?? 0), root.own + root.ofChildren);
}

/** The parent of a process; undefined where there is no /proc. */
export function parentOf(pid: number): number | undefined {
  return readTimes(pid)?.parent;
}

function readTimes(pid: number): ProcessTimes | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  let stat: string;
  try {
    stat = readFileSync(path, 'latin1');
  } catch (error) {
    // It has ended since.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) {
      return undefined;
    }
    throw error;
  }
  // The name of the program, in parentheses, may hold spaces; see proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (field: number): number => Number(fields[field - 3]) * microsPerTick;
  return { parent: Number(fields[1]), own: ticks(14) + ticks(15), ofChildren: ticks(16) + ticks(17) };
}
