import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { roleName, rolePassword, roleUrl, type RoleKind } from '@parley/database';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, run } from '../src/child-process.ts';
import { compareDataset } from '../src/compare-dataset.ts';
import { readComposeFile, type ComposeFile } from '../src/compose-file.ts';
import { secondsOf, startComposition, type Composition } from '../src/composition.ts';
import { demoDataset } from '../src/dataset.ts';
import { query } from '../src/query.ts';

const services = ['ingestion', 'metrics', 'optimizer', 'experiment'];
const composeText = await readFile(join(root, 'docker-compose.yml'), 'utf8');

let folder: string;
let secrets: string;
let file: ComposeFile;
let composition: Composition;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-compose-'));
  secrets = await makeSecrets(folder);
  file = readComposeFile(composeText, { PARLEY_SECRETS: secrets });
  composition = await startComposition(file, join(folder, 'run'));
}, 240_000);
afterAll(async () => {
  await composition?.stop();
  await rm(folder, { recursive: true, force: true });
}, 120_000);

test('each service starts after its migration, and those that read the log when ingestion is healthy', () => {
  const at = (event: string) => {
    const index = composition.events.indexOf(event);
    expect(index, event).not.toBe(-1);
    return index;
  };
  for (const service of services) {
    expect(at('postgres is healthy')).toBeLessThan(at(`migrate-${service} started`));
    expect(at(`migrate-${service} ended`)).toBeLessThan(at(`${service} started`));
    expect(at(`${service} started`)).toBeLessThan(at(`${service} is healthy`));
    if (service !== 'ingestion') expect(at('ingestion is healthy')).toBeLessThan(at(`${service} started`));
  }
});

/** The CLI with the operator's key. */
async function cli(...args: readonly string[]) {
  return run({
    name: 'parley',
    command: ['node', 'apps/cli/src/main.ts', ...args, '--json'],
    env: {
      PARLEY_KEY: await readFile(join(secrets, 'operator-key'), 'utf8'),
      ...Object.fromEntries(
        services.map((name) => [`PARLEY_${name.toUpperCase()}_URL`, composition.urlOf(name)]),
      ),
    },
  });
}

test('what is imported into these processes gives the known figures', async () => {
  const dataset = demoDataset();
  const lines = join(folder, 'lines.jsonl.gz');
  await writeFile(lines, gzipSync(dataset.lines.join('\n')));
  const operatorKey = await readFile(join(secrets, 'operator-key'), 'utf8');
  const imported = await cli('import', lines, '--create-tenants', '--wait');
  expect(imported).toMatchObject({ code: 0 });
  expect(JSON.parse(imported.stdout)).toMatchObject({ accepted: dataset.lines.length, rejected: 0 });
  const { databaseUrl, urlOf } = composition;
  const comparison = await compareDataset(dataset, { url: urlOf('metrics'), operatorKey, databaseUrl });
  expect(comparison.faults).toEqual([]);
  expect(comparison.checked).toBeGreaterThan(500);

  const verified = await cli('verify');
  expect(verified).toMatchObject({ code: 0 });
  expect(JSON.parse(verified.stdout)).toMatchObject({
    projections: [
      { name: 'ingestion.read-model', differences: 0 },
      { name: 'metrics.kpi', differences: 0 },
    ],
  });
}, 120_000);

test('a member is erased once every one of these services has said so', async () => {
  const line = { type: 'interaction', id: 'e-1', tenant: 'erasing', timestamp: '2026-03-08T12:00:00Z' };
  const lines = join(folder, 'erasing.jsonl');
  await writeFile(lines, JSON.stringify({ ...line, bot_id: 'b', member_id: 'm-1', intent: 'order' }));
  expect(await cli('import', lines, '--create-tenants', '--wait')).toMatchObject({ code: 0 });
  const erased = await cli('erase', '--tenant', 'erasing', '--member', 'm-1', '--wait');
  expect(erased).toMatchObject({ code: 0 });
  expect(JSON.parse(erased.stdout)).toMatchObject({
    completed_at: expect.any(String),
    pending_services: [],
    erased: expect.arrayContaining([
      { service: 'metrics', place: 'interaction_facts', row_count_before: 1, row_count_after: 0 },
    ]),
  });
  const confirmed = await query(
    composition.databaseUrl,
    'select service from ingestion.erasure_confirmations where is_final order by service',
  );
  expect(confirmed).toEqual(['experiment', 'metrics', 'optimizer'].map((service) => ({ service })));
}, 120_000);

test("a service's secret opens its own roles, and no others", async () => {
  for (const owner of services) {
    for (const other of services) {
      const secret = await readFile(join(secrets, `${owner}-database`), 'utf8');
      const kinds: RoleKind[] =
        other === 'ingestion' ? ['owner', 'app', 'worker', 'append'] : ['owner', 'app', 'worker'];
      for (const kind of kinds) {
        const role = roleName(other, kind);
        const url = roleUrl(composition.databaseUrl, role, rolePassword(secret, role));
        const answer = query(url, 'select current_user as name');
        if (owner === other) await expect(answer).resolves.toEqual([{ name: role }]);
        else await expect(answer).rejects.toMatchObject({ code: '28P01' });
      }
    }
  }
});

test('every container is without root, capabilities and a file system to write to', () => {
  for (const [name, service] of Object.entries(file.services)) {
    expect(service, name).toMatchObject({
      user: name === 'postgres' ? 'postgres' : 'node',
      init: true,
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.tmpfs, name).toContain('/tmp');
    expect(service, name).not.toHaveProperty('cap_add');
    expect(service, name).not.toHaveProperty('privileged');
    expect(service, name).not.toHaveProperty('container_name');
    if (name !== 'postgres') expect(service, name).not.toHaveProperty('volumes');
  }
  expect(file).not.toHaveProperty('version');
});

test('only the services are published, on this machine alone, and the database has no way out', () => {
  const published = Object.entries(file.services).filter(([, { ports }]) => ports !== undefined);
  expect(published.map(([name]) => name)).toEqual(services);
  for (const [, { ports = [] }] of published) {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:8080$/);
  }
  expect(file.services['postgres']?.networks).toEqual(['database']);
  expect(file.networks['database']).toEqual({ internal: true });
});

test('secrets have no default, are in no variable, and each service gets its own alone', () => {
  expect(() => readComposeFile(composeText, {})).toThrow(/PARLEY_SECRETS must be set: .*docs\/compose\.md/);
  for (const [name, { environment, secrets: given = [] }] of Object.entries(file.services)) {
    for (const [variable, value] of Object.entries(environment)) {
      if (/SECRET|KEY|PASSWORD|ADMIN/.test(variable))
        expect(value, name).toMatch(/^\/run\/secrets\/[a-z-]+$/);
    }
    const service = name.replace('migrate-', '');
    const databases = given.filter((secret) => secret.endsWith('-database'));
    expect(databases, name).toEqual(name === 'postgres' ? [] : [`${service}-database`]);
    expect(given.includes('postgres-url'), name).toBe(name.startsWith('migrate-'));
    expect(given.includes('operator-key'), name).toBe(name === 'ingestion');
  }
});

test('every service ends by itself, well within the time that it is given', async () => {
  const before = performance.now();
  const exits = await composition.stop();
  const seconds = (performance.now() - before) / 1000;
  for (const service of services) {
    expect(exits.get(service), service).toEqual({ code: 0, signal: null });
    expect(secondsOf(file.services[service])).toBeGreaterThanOrEqual(30);
  }
  expect(seconds).toBeLessThan(30);
}, 120_000);

/** Runs what docs/compose.md says about making them. */
async function makeSecrets(home: string): Promise<string> {
  const docs = await readFile(join(root, 'docs/compose.md'), 'utf8');
  const script = /```sh\n(export PARLEY_SECRETS=[\s\S]*?)```/.exec(docs)?.[1] ?? '';
  const { code, stderr } = await run({
    name: 'secrets',
    command: ['sh', '-euc', script],
    env: { HOME: home },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return join(home, '.config/parley');
}
