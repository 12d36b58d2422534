import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';

const library = join(import.meta.dirname, '..');
const root = join(library, '..', '..');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** Somebody else's project, with both packages unpacked from their tarballs, and no @grpc/grpc-js beside them. */
let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'parley-client-package-'));
  const built = join(project, 'built');
  execFileSync(process.execPath, [join(library, 'build.ts'), built]);
  const modules = join(project, 'node_modules');
  for (const [name, folder] of [
    ['client', built],
    ['contracts', join(root, 'dist', 'contracts')],
  ] as const) {
    const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', project], {
      cwd: folder,
      encoding: 'utf8',
    });
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    const into = join(modules, '@parley', name);
    mkdirSync(into, { recursive: true });
    execFileSync('tar', ['-xzf', join(project, filename), '--strip-components=1', '-C', into]);
  }
  for (const dependency of ['@bufbuild', '@connectrpc']) {
    symlinkSync(join(root, 'node_modules', dependency), join(modules, dependency), 'dir');
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n');
  return () => rmSync(project, { recursive: true });
}, 60_000);

const bot = (botId: string) => `
import { createParleyClient, instrumentHandler, Outcome } from '@parley/client';

const parley = createParleyClient({ url: 'http://127.0.0.1:9', key: 'k' });
const reply = instrumentHandler(parley, (text) => 'you said ' + text, (text) => ({ botId: ${botId}, messageText: text }));
console.log(reply('hello'));
parley.conversion({ interactionId: 'i', outcome: Outcome.PURCHASED, value: { currencyCode: 'USD', minorUnits: 1n } });
const { recorded, queued } = parley.stats();
console.log(recorded + ' ' + queued);
await parley.shutdown({ timeoutMs: 100 });
`;

function diagnose(text: string): string {
  const path = join(project, 'bot.ts');
  writeFileSync(path, text.replaceAll('(text)', '(text: string)'));
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom'];
  const { error, stdout } = spawnSync(
    process.execPath,
    [tsc, ...flags, '--module', 'nodenext', '--moduleResolution', 'nodenext', path],
    { cwd: project, encoding: 'utf8' },
  );
  if (error !== undefined) throw error;
  return stdout;
}

test('a bot compiles against the package, and a wrong field does not', () => {
  expect(diagnose(bot("'bot'"))).toBe('');
  expect(diagnose(bot('7'))).toContain("'number' is not assignable");
}, 60_000);

test('a bot runs with the package, without the package that only gRPC needs', () => {
  const path = join(project, 'bot.js');
  writeFileSync(path, bot("'bot'"));
  const out = execFileSync(process.execPath, [path], { cwd: project, encoding: 'utf8', timeout: 20_000 });
  expect(out).toBe('you said hello\n3 3\n');
});

test('gRPC without its package says what to install', () => {
  const path = join(project, 'grpc.js');
  writeFileSync(
    path,
    `import { createParleyClient } from '@parley/client';
    const onError = ({ message }) => console.log(message);
    const parley = createParleyClient({ url: 'http://127.0.0.1:9', key: 'k', transport: 'grpc', onError });
    parley.interaction({ botId: 'bot' });
    await parley.shutdown({ timeoutMs: 200 });`,
  );
  const out = execFileSync(process.execPath, [path], { cwd: project, encoding: 'utf8', timeout: 20_000 });
  expect(out).toContain('needs the package @grpc/grpc-js');
});
