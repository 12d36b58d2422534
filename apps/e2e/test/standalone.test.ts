import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { roleUrl } from '@parley/database';
import { postgresVersions, startTestCluster } from '@parley/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { run, startChild } from '../src/child-process.ts';
import { compareDataset } from '../src/compare-dataset.ts';
import { demoDataset } from '../src/dataset.ts';
import { freePort } from '../src/free-port.ts';
import { query } from '../src/query.ts';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';
import { eventually, within } from '../src/within.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-standalone-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Started for this test alone. */
async function start(name: string, ...args: string[]): Promise<StandaloneProcess> {
  const parley = await startStandalone({ dataDir: join(folder, name), args: ['--no-demo', ...args] });
  onTestFinished(() => parley.stop());
  return parley;
}

const line = JSON.stringify({
  type: 'interaction',
  id: 'i-1',
  tenant: 'shop',
  timestamp: '2026-03-08T12:00:00Z',
  bot_id: 'b',
  member_id: 'm-1',
  intent: 'order',
  response_text: 'Yes.',
});

async function importLine(parley: StandaloneProcess): Promise<unknown> {
  const { stdout } = await parley.cli(['import', '-', '--create-tenants', '--wait', '--json'], {
    input: line,
  });
  return JSON.parse(stdout);
}

/** A Postgres that is gone refuses its port. */
async function isGone(databaseUrl: string): Promise<void> {
  await eventually(15_000, 'the end of Postgres', () =>
    query(databaseUrl, 'select').then(
      () => undefined,
      () => true,
    ),
  );
}

test('npm start prints one line, of JSON, and ends well by SIGTERM, with its Postgres', async () => {
  const child = startChild({
    name: 'npm start',
    command: [
      ...(['npm', 'start', '--silent', '--'] as const),
      ...['--port', '0', '--data-dir', join(folder, 'npm'), '--no-demo', '--json'],
    ],
  });
  onTestFinished(async () => void (await child.stop()));
  const lines: string[] = [];
  const reading = (async () => {
    for await (const each of child.lines) {
      lines.push(each);
      if (lines.length === 1) child.signal('SIGTERM');
    }
  })();
  expect(await within(60_000, 'the end', child.exited)).toEqual({ code: 0, signal: null });
  await reading;
  expect(lines).toHaveLength(1);
  const ready = JSON.parse(lines[0] ?? '') as { database_url: string };
  expect(ready).toEqual({
    ready: true,
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    admin_key: expect.stringMatching(/^.{32,}$/),
    database_url: expect.stringMatching(/^postgresql:\/\//),
  });
  await isGone(ready.database_url);
  for (const log of child.stderr().trimEnd().split('\n')) expect(JSON.parse(log)).toHaveProperty('msg');
}, 90_000);

test('a start after Ctrl-C, and one after kill -9, find everything again', async () => {
  const first = await start('again');
  expect(await importLine(first)).toMatchObject({ accepted: 1, duplicates: 0 });
  first.child.signal('SIGINT');
  expect(await first.child.exited).toEqual({ code: 0, signal: null });
  await isGone(first.databaseUrl);

  const second = await start('again');
  expect(second.operatorKey).toBe(first.operatorKey);
  expect(await importLine(second)).toMatchObject({ accepted: 0, duplicates: 1 });
  second.child.signal('SIGKILL');
  await second.child.exited;
  await isGone(second.databaseUrl);

  const third = await start('again');
  expect(await importLine(third)).toMatchObject({ accepted: 0, duplicates: 1 });
  const { stdout } = await third.cli([
    'kpis',
    '--tenant',
    'shop',
    '--from',
    '2026-03-08',
    '--to',
    '2026-03-09',
    '--json',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ engagement: { total_interactions: { value: 1 } } });
}, 120_000);

test('a port that is taken is named, and the process ends with 1', async () => {
  const { url } = await start('first');
  const { port } = new URL(url);
  const other = await run({
    name: 'standalone',
    command: [
      ...(['node', 'apps/standalone/src/main.ts'] as const),
      ...['--port', port, '--data-dir', join(folder, 'second'), '--no-demo', '--json'],
    ],
  });
  expect(other).toMatchObject({ code: 1, stdout: '' });
  expect(other.stderr).toContain(port);
}, 60_000);

test('the demo has two weeks behind it, and goes on', async () => {
  const port = await freePort();
  const child = startChild({
    name: 'demo',
    command: [
      'node',
      'apps/standalone/src/main.ts',
      '--port',
      String(port),
      '--data-dir',
      join(folder, 'demo'),
    ],
  });
  onTestFinished(async () => void (await child.stop()));
  let banner = '';
  const reading = (async () => {
    for await (const each of child.lines) banner += `${each}\n`;
  })();
  const key = await eventually(60_000, 'the key of the demo', () =>
    Promise.resolve(/PARLEY_KEY=(\S+)/.exec(banner)?.[1]),
  );
  const env = { PARLEY_URL: `http://127.0.0.1:${port}`, PARLEY_KEY: key };
  const days = async (): Promise<number> => {
    const { stdout, stderr } = await run({
      name: 'kpis',
      command: ['node', 'apps/cli/src/main.ts', 'kpis', '--days', '14', '--json'],
      env,
    });
    expect(stderr).toBe('');
    const kpis = JSON.parse(stdout) as { engagement: { total_interactions: { value: number } } };
    return kpis.engagement.total_interactions.value;
  };
  const before = await eventually(60_000, 'two weeks', async () => {
    const count = await days();
    return count > 5000 ? count : undefined;
  });
  await eventually(60_000, 'more traffic', async () => ((await days()) > before ? true : undefined));
  await child.stop();
  await reading;
}, 150_000);

test.each(postgresVersions)(
  'on a $name of somebody else, as a user that has no more rights than it takes, all figures are right',
  async ({ name, options }) => {
    const cluster = await startTestCluster(options);
    onTestFinished(() => cluster.stop());
    const { adminUrl } = await cluster.database('empty', () => Promise.resolve());
    const database = new URL(adminUrl).pathname.slice(1);
    await query(adminUrl, "create role keeper createrole bypassrls login password 'of-the-keeper'");
    await query(adminUrl, `grant create on database ${database} to keeper`);

    // Before 16 only a superuser may make the roles that are needed.
    const keeperUrl = name === 'Postgres 15' ? adminUrl : roleUrl(adminUrl, 'keeper', 'of-the-keeper');
    const parley = await start(database, '--database-url', keeperUrl);
    const dataset = demoDataset();
    const imported = await parley.cli(['import', '-', '--create-tenants', '--wait', '--json'], {
      input: dataset.lines.join('\n'),
    });
    expect(imported).toMatchObject({ code: 0 });
    expect((await compareDataset(dataset, parley)).faults).toEqual([]);
    expect(await parley.cli(['verify'])).toMatchObject({ code: 0 });
  },
  120_000,
);
