import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { startPostgres } from '@parley/postgres';
import { createClosers, createLogger, systemNow } from '@parley/runtime';
import { Client } from 'pg';
import { benchmarks } from './benchmarks.ts';
import type { Bench } from './deployment.ts';
import type { Measurement } from './measurement.ts';
import { toTable } from './table.ts';

const usage = `npm run bench [-- NAME… --json --quick]

Measures ${Object.keys(benchmarks).join(', ')}; all of them unless some are named.
  --json    figures as JSON lines instead of a table
  --quick   a few events and runs: shows that all of it works, its figures say nothing
`;
const closeMs = 60_000;

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
const unknown = names.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  process.stderr.write(`There is no benchmark ${unknown.join(', ')}.\n\n${usage}`);
  process.exitCode = 2;
} else {
  // Ends the services, which end with us, also when we are told to stop in the middle.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => process.exit(code));
  }
  await run(names);
}

async function run(chosen: readonly string[]): Promise<void> {
  const logger = createLogger({ service: 'bench', level: 'warn' });
  const closers = createClosers(logger);
  const folder = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  closers.push('folder', () => rm(folder, { recursive: true, force: true }));
  try {
    const postgres = await startPostgres({
      dataDir: join(folder, 'postgres'),
      logger,
      // New files of the write-ahead log would show as pauses.
      settings: {
        shared_buffers: '1GB',
        min_wal_size: '4GB',
        max_wal_size: '8GB',
        checkpoint_timeout: '30min',
      },
    });
    closers.push('postgres', () => postgres.stop());
    await postgres.ready(closeMs);
    const context = {
      versions: { node: process.version, postgres: await versionOf(postgres.adminUrl) },
      machine: `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}`,
      measured_at: systemNow().toISOString(),
    };
    const bench: Bench = {
      adminUrl: postgres.adminUrl,
      closers,
      logger,
      isQuick: values.quick,
      say: (text) => void process.stderr.write(`${text}\n`),
    };
    for (const name of chosen) {
      const measurements = (await benchmarks[name]?.(bench)) ?? [];
      process.stdout.write(
        values.json
          ? measurements
              .map((measured: Measurement) => `${JSON.stringify({ ...measured, ...context })}\n`)
              .join('')
          : toTable(measurements),
      );
    }
  } finally {
    await closers.close(closeMs);
  }
}

async function versionOf(adminUrl: string): Promise<string> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version ?? 'unknown';
  } finally {
    await client.end();
  }
}
