// Fails when libs/contracts/src/gen is not what proto and third_party generate: `npm run drift`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository, runBuf } from './buf.ts';
import { findDrift } from './drift.ts';

const generated = join('libs', 'contracts', 'src', 'gen');
const fresh = mkdtempSync(join(tmpdir(), 'parley-drift-'));
try {
  const { ok, output } = runBuf(repository, 'generate', '--output', fresh);
  const drift = ok ? findDrift(join(repository, generated), join(fresh, generated)) : [];
  const faults = ok ? drift.map(({ path, is }) => `${join(generated, path)} is ${is}`) : [output];
  if (faults.length === 0) {
    process.stdout.write(`${generated} is what proto and third_party generate.\n`);
  } else {
    if (ok) faults.push('Run `npm run generate` and commit what changes.');
    process.stdout.write(`${faults.join('\n')}\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
