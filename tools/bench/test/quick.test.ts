import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

test('every benchmark runs and compares what it measures with a limit', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--quick', '--json'], {
    timeout: 280_000,
  });
  const figures = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

  expect(figures.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'ingest.append.1000',
      'ingest.append.5000',
      'ingest.batch.c1',
      'ingest.batch.c4',
      'ingest.batch.c16',
      'ingest.single.c64',
      'ingest.language.batch.c4',
      'ingest.language.single.c64',
      'projection.replay.ingestion',
      'projection.replay.metrics',
      'projection.lag.idle',
      'projection.lag.half',
      'query.kpi30d.utc.large.growth',
      'query.kpi30d.zone.small.growth',
    ]),
  );
  for (const { ratio, limit_name } of figures) {
    expect(ratio).toBeGreaterThan(0);
    expect(limit_name).not.toBe('');
  }
}, 300_000);
