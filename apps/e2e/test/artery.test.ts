import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoDataset, dialoguesDataset, renameTenants, type Dataset } from '../src/dataset.ts';
import { compareDataset } from '../src/compare-dataset.ts';
import { createRandom, shuffle } from '../src/seeded-random.ts';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';

const datasets = [demoDataset(), dialoguesDataset()].filter((dataset) => dataset !== undefined);
const minutes = 60_000;

let parley: StandaloneProcess;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-lines-'));
  parley = await startStandalone();
});
afterAll(async () => {
  await parley?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe.each(datasets)('$name', (dataset) => {
  test(
    'an import gives exactly the known figures, and a second one changes nothing',
    async () => {
      const file = join(folder, 'lines.jsonl.gz');
      await writeFile(file, gzipSync(dataset.lines.join('\n')));
      const lines = dataset.lines.length;

      expect(await importFile(file, '--create-tenants')).toMatchObject({
        accepted: lines,
        duplicates: 0,
        rejected: 0,
      });
      expect(await compareDataset(dataset, parley)).toMatchObject({
        faults: [],
        checked: figuresIn(dataset),
      });

      expect(await importFile(file)).toMatchObject({ accepted: 0, duplicates: lines, rejected: 0 });
      expect(await compareDataset(dataset, parley)).toMatchObject({
        faults: [],
        checked: figuresIn(dataset),
      });
    },
    3 * minutes,
  );

  test(
    'an import shuffled, by eight clients at once, each line twice, gives the same figures',
    async () => {
      const shuffled = renameTenants(dataset, (tenant) => `${tenant}-shuffled`);
      const lines = shuffle(createRandom(8), [...shuffled.lines, ...shuffled.lines]);
      const files = await Promise.all(
        Array.from({ length: 8 }, async (_, client) => {
          const file = join(folder, `part-${client}.jsonl`);
          await writeFile(file, lines.filter((_line, index) => index % 8 === client).join('\n'));
          return file;
        }),
      );

      const results = await Promise.all(files.map((file) => importFile(file, '--create-tenants')));

      const total = (name: 'accepted' | 'duplicates' | 'rejected') =>
        results.reduce((sum, result) => sum + result[name], 0);
      expect(total('rejected')).toBe(0);
      expect(total('accepted')).toBe(dataset.lines.length);
      expect(total('duplicates')).toBe(dataset.lines.length);
      expect(await compareDataset(shuffled, parley)).toMatchObject({
        faults: [],
        checked: figuresIn(dataset),
      });
    },
    3 * minutes,
  );
});

test('the projections are what the log says', async () => {
  const { code, stdout } = await parley.cli(['verify', '--json']);
  expect(code).toBe(0);
  const { projections } = JSON.parse(stdout) as {
    projections: { name: string; differences: number; rows: number }[];
  };
  expect(projections.map(({ name }) => name).sort()).toEqual(['ingestion.read-model', 'metrics.kpi']);
  for (const projection of projections) {
    expect(projection).toMatchObject({ differences: 0 });
    expect(projection.rows).toBeGreaterThan(0);
  }
}, 60_000);

interface ImportResult {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
}

async function importFile(file: string, ...options: string[]): Promise<ImportResult> {
  const { code, stdout, stderr } = await parley.cli(['import', file, '--wait', '--json', ...options]);
  if (code !== 0) throw new Error(`parley import ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as ImportResult;
}

/** Ten figures for each slice, eight for all together, two for each intent. */
function figuresIn({ slices, all, intents }: Dataset): number {
  return slices.length * 10 + (all ? 8 : 0) + intents.length * 2;
}
