import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoDataset } from '../src/dataset.ts';
import { readProcessMemory } from '../src/process-memory.ts';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';

let folder: string;
let parley: StandaloneProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-export-'));
  parley = await startStandalone();
});
afterAll(async () => {
  await parley.stop();
  await rm(folder, { recursive: true, force: true });
});

const kinds = ['interactions', 'conversions', 'feedback'] as const;

async function exportAll(tenant: string, format: string, ending = ''): Promise<readonly string[]> {
  const files = [];
  for (const kind of kinds) {
    const output = join(folder, `${tenant}-${kind}.${format}${ending}`);
    await parley.cli(['export', '--tenant', tenant, '--kind', kind, '--format', format, '--output', output]);
    files.push(output);
  }
  return files;
}

async function importAll(tenant: string, files: readonly string[], ...options: readonly string[]) {
  const summaries = [];
  for (const file of files) {
    const args = ['import', file, '--tenant', tenant, '--create-tenants', '--wait', '--json', ...options];
    summaries.push(JSON.parse((await parley.cli(args)).stdout) as Record<string, number>);
  }
  return summaries;
}

/** The figures that rest on interactions, conversions and ratings alone. */
async function kpis(tenant: string): Promise<unknown> {
  const args = ['kpis', '--tenant', tenant, '--from', '2026-03-01', '--to', '2026-04-01', '--json'];
  const { customer_experience, operational, engagement } = JSON.parse(
    (await parley.cli(args)).stdout,
  ) as Record<string, Record<string, { readonly value: number }>>;
  const { total_interactions, completion_rate, bounce_rate } = engagement ?? {};
  const values = { ...customer_experience, ...operational, total_interactions, completion_rate, bounce_rate };
  return Object.fromEntries(Object.entries(values).map(([name, figure]) => [name, figure?.value]));
}

test('what was exported and imported into another tenant has the same KPIs and is the same file again', async () => {
  const { lines, tenants } = demoDataset();
  const [source = ''] = tenants;
  const demo = join(folder, 'demo.jsonl');
  await writeFile(demo, lines.join('\n'));
  await parley.cli(['import', demo, '--create-tenants', '--wait', '--json']);

  const original = await exportAll(source, 'jsonl', '.gz');
  const asCsv = await exportAll(source, 'csv');
  const summaries = await importAll('copy-jsonl', original);
  expect(summaries.every(({ rejected, accepted }) => rejected === 0 && Number(accepted) > 0)).toBe(true);
  await importAll('copy-csv', asCsv, '--format', 'csv');

  const expected = await kpis(source);
  expect(expected).toMatchObject({ total_conversions: expect.any(Number) });
  for (const copy of ['copy-jsonl', 'copy-csv']) {
    expect(await kpis(copy), copy).toEqual(expected);
    const again = await exportAll(copy, 'jsonl');
    again.forEach((file, index) => {
      expect(readFileSync(file).equals(gunzipSync(readFileSync(original[index] ?? '')))).toBe(true);
    });
  }
  const csvAgain = await exportAll('copy-csv', 'csv');
  csvAgain.forEach((file, index) => {
    expect(readFileSync(file).equals(readFileSync(asCsv[index] ?? ''))).toBe(true);
  });
}, 180_000);

test('a hundred thousand interactions are exported in bounded memory', async () => {
  const many = join(folder, 'many.jsonl');
  const line = (n: number) =>
    JSON.stringify({
      type: 'interaction',
      id: `i-${n}`,
      timestamp: new Date(Date.UTC(2026, 2, 1) + n * 1000).toISOString(),
      bot_id: `b-${n % 7}`,
      message_text: 'm'.repeat(300),
      response_text: 'r'.repeat(700),
    });
  await writeFile(many, Array.from({ length: 100_000 }, (_, n) => line(n)).join('\n'));
  await importAll('many', [many]);
  const pid = parley.child.pid;
  const before = await readProcessMemory(pid);
  let most = before;
  const timer = setInterval(() => {
    void readProcessMemory(pid).then((now) => (most = Math.max(most, now)));
  }, 50);
  const output = join(folder, 'many-exported.jsonl');
  await parley.cli(['export', '--tenant', 'many', '--kind', 'interactions', '--output', output]);
  clearInterval(timer);
  const exported = readFileSync(output);
  expect(exported.length).toBeGreaterThan(100 * 1024 * 1024);
  expect(exported.toString('utf8').trimEnd().split('\n')).toHaveLength(100_000);
  // The file is above 100 MiB; the process may grow by what garbage it has not collected yet.
  expect(most - before).toBeLessThan(90);
}, 180_000);

test('--dry-run shows what would be sent and what would be rejected, and sends nothing', async () => {
  const file = join(folder, 'chats.jsonl');
  const chat = (content: string) =>
    JSON.stringify({
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: 'Yes.' },
      ],
    });
  await writeFile(file, [chat('One?'), '{', chat('x'.repeat(20_000)), chat('Two?')].join('\n'));
  const args = ['import', file, '--tenant', 'chats', '--create-tenants', '--format', 'openai', '--bot', 'b'];
  const options = [...args, '--start-time', '2026-03-01', '--json'];
  const dry = JSON.parse((await parley.cli([...options, '--dry-run'])).stdout) as unknown;
  expect(dry).toMatchObject({
    lines: 4,
    valid: 2,
    rejected: 2,
    reasons: { INVALID_JSON: 1, INVALID_FIELDS: 1 },
    rows: [
      { message_text: 'One?', response_text: 'Yes.' },
      { message_text: 'Two?', response_text: 'Yes.' },
    ],
  });
  expect(JSON.parse((await parley.cli(options)).stdout)).toMatchObject({ accepted: 2, rejected: 2 });
  expect(JSON.parse((await parley.cli(options)).stdout)).toMatchObject({ accepted: 0, duplicates: 2 });
}, 60_000);

test('parley doctor tells what is wrong, and ends with 3 when it is critical', async () => {
  const file = join(folder, 'silent.jsonl');
  const lines = Array.from({ length: 30 }, (_, n) =>
    JSON.stringify({
      type: 'interaction',
      id: `s-${n}`,
      timestamp: new Date(Date.now() - 30 * 3_600_000 - n * 60_000).toISOString(),
      bot_id: 'quiet',
      response_text: 'Yes.',
    }),
  );
  await writeFile(file, lines.join('\n'));
  await importAll('patient', [file]);
  const args = ['doctor', '--tenant', 'patient'];
  const json = await parley.cli([...args, '--json']);
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject({
    critical: true,
    bots: [
      {
        bot_id: 'quiet',
        interaction_count: 30,
        findings: [{ code: 'SILENT', severity: 'critical' }, {}, {}, {}, {}],
      },
    ],
  });
  const { stdout } = await parley.cli(args);
  expect(stdout).toMatch(/quiet\W+critical\W+SILENT/);
  expect(stdout).toContain('SILENT: See that the bot is running');
}, 60_000);
