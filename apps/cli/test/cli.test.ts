import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

async function parley(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [main, ...argv], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}

test('help goes to stdout and is no failure', async () => {
  const { stdout, stderr, code } = await parley(['--help']);
  expect(stdout).toContain('import');
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

test.each([
  [['kpi'], /unknown command/],
  [['kpis', '--frm', '2026-03-01'], /unknown option/],
  [['kpis'], /PARLEY_URL/],
  [['keys', 'create', '--scopes', 'ingest,write'], /takes ingest, read, experiment, admin; not write/],
  [['keys', 'create', '--scopes', 'read', '--expires', 'soon'], /--expires: must be an instant/],
  [['keys', 'rotate', 'k', '--overlap', '-1'], /--overlap is hours, from 0 to 720; not -1/],
  [['explain'], /metric/],
  [['explain', 'nps', '--csv', '--json'], /--csv or --json, not both/],
  [['explain', 'nps', '--limit', '0'], /--limit is a whole number from 1 on; not 0/],
  [['erase'], /--member/],
  [['health'], /--bot/],
  [['bot-metrics', '--limit', '0'], /--limit is a whole number from 1 to 999999; not 0/],
  [['consent', 'set', '--member', 'ada'], /Say --allow or --forbid/],
  [['consent', 'get', '--member', 'ada', '--group', 'shop'], /--member or --group, not both/],
  [['privacy', 'set', '--content', 'some'], /--content is full, pseudonymous or off; not some/],
  [
    ['import', 'f', '--format', 'csv', '--map', 'text=Q'],
    /--map: text is no field. Fields are .*message_text/,
  ],
  [['import', 'f', '--encoding', 'ebcdic'], /--encoding takes utf-8, .*; not ebcdic/],
  [['tenants', 'limits', 'set'], /Say which limit: --events, --bytes, --calls, --streams, --bots, --queries/],
  [['tenants', 'limits', 'set', '--bots', '0'], /--bots is a whole number from 1 on, or default; not 0/],
  [['alerts', '--limit', '0'], /--limit must be a whole number above 0/],
  [['webhooks', 'add', 'https://example.com/', '--severity', 'all'], /--severity is page or ticket; not all/],
  [['demo', '--from', 'yesterday', '--to', '2026-03-01'], /--from: must be an instant/],
  [['demo', '--from', '2026-03-01', '--to', '2026-03-02', '--seed', '-1'], /--seed must be a whole number/],
])('wrong use is told on stderr alone, with exit code 2: %j', async (argv, message) => {
  const { stdout, stderr, code } = await parley(argv);
  expect(stderr).toMatch(message);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

test('a window needs to be said in one way', async () => {
  const env = { PARLEY_URL: 'http://127.0.0.1:9', PARLEY_KEY: 'k' };
  const { stderr, code } = await parley(['kpis', '--days', '7', '--from', '2026-03-01'], env);
  expect(stderr).toMatch(/--days, or --from and --to/);
  expect(code).toBe(2);
});

test('a file that is not there is told in a line', async () => {
  for (const options of [[], ['--dry-run']]) {
    const { stderr, code } = await parley(['import', '/nowhere/at/all', ...options], {
      PARLEY_URL: 'http://127.0.0.1:1',
      PARLEY_KEY: 'key',
    });
    expect(stderr).toMatch(/^ENOENT: no such file or directory[^\n]*\n$/);
    expect(code).toBe(1);
  }
});

test('when nobody is there, it says so within seconds, with exit code 1', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const { stderr, code } = await parley(['kpis', '--json'], {
    PARLEY_URL: `http://127.0.0.1:${port}`,
    PARLEY_KEY: 'k',
  });
  expect(stderr).toMatch(/Unavailable.*\n.*Is Parley running/);
  expect(code).toBe(1);
});

test('the demo is the same for the same seed, line by line', async () => {
  const argv = ['demo', '--seed', '7', '--from', '2026-03-01', '--to', '2026-03-02', '--conversations', '5'];
  const [one, other] = await Promise.all([parley(argv), parley(argv)]);
  expect(one.stdout).toBe(other.stdout);
  expect(one.stdout.trim().split('\n').length).toBeGreaterThan(10);
});
