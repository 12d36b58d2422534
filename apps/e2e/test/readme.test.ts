import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, run } from '../src/child-process.ts';
import { createTenant, type TenantKeys } from '../src/credentials.ts';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';

const readme = await readFile(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}));

/** The only block of a language that holds this. */
function block(language: string, part: string): string {
  const found = blocks.filter((each) => each.language === language && each.text.includes(part));
  expect(found, `${language} with ${part}`).toHaveLength(1);
  return found[0]?.text ?? '';
}

let parley: StandaloneProcess;
let tenant: TenantKeys;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-readme-'));
  parley = await startStandalone();
  tenant = await createTenant(parley, 'reader');
});
afterAll(async () => {
  await parley?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs what README shows, as somebody would who has set what it says to set. */
function shell(script: string, key = tenant.keys.admin) {
  return run({
    name: 'README',
    command: ['sh', '-euc', script],
    env: { PARLEY_URL: parley.url, PARLEY_KEY: key, NO_COLOR: '1' },
  });
}

test('the first event by curl is answered as README says, and again as a duplicate', async () => {
  const script = block('sh', 'curl "$PARLEY_URL');
  const promised = Object.keys(JSON.parse(block('json', 'eventId')) as object);
  const send = existsSync('/usr/bin/curl') ? () => byCurl(script) : () => byFetch(script);
  const first = await send();
  expect(Object.keys(first)).toEqual(promised);
  expect(first).toMatchObject({ eventId: 'first-1' });
  expect(readme).toContain('`"duplicate":true`');
  expect(await send()).toMatchObject({ eventId: 'first-1', duplicate: true });
});

async function byCurl(script: string): Promise<object> {
  const { code, stdout, stderr } = await shell(
    `curl() { command curl --silent --show-error "$@"; }\n${script}`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as object;
}

/** What curl would do, where there is none. */
async function byFetch(script: string): Promise<object> {
  const filledIn = script.replaceAll('$PARLEY_URL', parley.url).replaceAll('$PARLEY_KEY', tenant.keys.admin);
  const headers = [...filledIn.matchAll(/-H ["']([^:]+): ([^"']+)["']/g)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
  const response = await fetch(/curl "([^"]+)"/.exec(filledIn)?.[1] ?? '', {
    method: 'POST',
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: /-d '([^']+)'/.exec(filledIn)?.[1] ?? '',
  });
  expect(response.status).toBe(200);
  return (await response.json()) as object;
}

test('the call by reflection gives KPIs', async () => {
  const { code, stdout, stderr } = await shell(block('sh', 'buf curl'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ kpis: { containmentRate: {} }, context: {} });
});

test('the TypeScript client runs as it stands there', async () => {
  const sample = block('ts', 'createGrpcTransport');
  const { code, stdout, stderr } = await run({
    name: 'TypeScript of README',
    command: ['node', '--input-type=module-typescript', '-'],
    cwd: join(root, 'apps/e2e'),
    env: { PARLEY_URL: parley.url, PARLEY_KEY: tenant.keys.admin },
    input: `${sample}\nconsole.log(JSON.stringify({ duplicate })); process.exit(0);`,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ duplicate: false });
});

test('every command that is shown by hand ends well', async () => {
  const file = join(folder, 'FILE.jsonl.gz');
  const line = {
    type: 'interaction',
    id: 'r-1',
    timestamp: new Date().toISOString(),
    bot_id: 'b',
    intent: 'i',
  };
  await writeFile(file, gzipSync(JSON.stringify(line)));
  const commands = block('sh', 'parley -- kpis').trim().split('\n');
  expect(commands.length).toBeGreaterThan(3);
  const outputs = await Promise.all(
    commands.map((command) =>
      shell(
        command.replace('FILE.jsonl.gz', file),
        command.includes("operator's key") ? parley.operatorKey : tenant.keys.admin,
      ),
    ),
  );
  for (const [index, { code, stdout, stderr }] of outputs.entries()) {
    expect({ command: commands[index], code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).not.toBe('');
  }
}, 60_000);

test('everything that README names is there', async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const commands = [...readme.matchAll(/`npm (?:run )?(\w+)`/g)].map(([, name = '']) => name);
  expect(commands.length).toBeGreaterThan(3);
  for (const name of commands) expect(scripts).toHaveProperty(name);

  const tree = block('', 'proto/parley/…').trim().split('\n');
  const paths = tree.map((line) => line.split(/\s/)[0]?.replace(/\/?…$/, '') ?? '');
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => path);
  for (const path of [...paths, ...links]) expect(existsSync(join(root, path)), path).toBe(true);
});
