import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A file that is not what it would be if it were generated now, by its path inside the folder. */
export interface Drift {
  readonly path: string;
  readonly is: 'changed' | 'missing' | 'left over';
}

/** Compares two folders file by file, byte by byte: how `committed` differs from `fresh`, ordered by path. */
export function findDrift(committed: string, fresh: string): readonly Drift[] {
  const was = filesIn(committed);
  const now = filesIn(fresh);
  const drift = [...new Set([...was, ...now])].sort().map((path): Drift | undefined => {
    if (!was.has(path)) return { path, is: 'missing' };
    if (!now.has(path)) return { path, is: 'left over' };
    const equal = readFileSync(join(committed, path)).equals(readFileSync(join(fresh, path)));
    return equal ? undefined : { path, is: 'changed' };
  });
  return drift.filter((found) => found !== undefined);
}

function filesIn(folder: string): ReadonlySet<string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Set(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)),
  );
}
