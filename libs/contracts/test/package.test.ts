import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';

const contracts = join(import.meta.dirname, '..');
const installed = join(contracts, '..', '..', 'node_modules');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** Somebody else's project, with the package unpacked from its tarball and its dependencies beside it. */
let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'parley-contracts-'));
  const built = join(project, 'built');
  execFileSync(process.execPath, [join(contracts, 'build.ts'), built]);
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', project], { cwd: built, encoding: 'utf8' }),
  );
  rmSync(built, { recursive: true });

  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '@parley', 'contracts'), { recursive: true });
  const unpack = ['-xzf', join(project, packed.filename), '--strip-components=1'];
  execFileSync('tar', [...unpack, '-C', join(modules, '@parley', 'contracts')]);
  for (const dependency of ['@bufbuild', '@connectrpc']) {
    symlinkSync(join(installed, dependency), join(modules, dependency), 'dir');
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n');
  return () => rmSync(project, { recursive: true });
});

const client = (name: string) => `
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { HealthCheckResponse_ServingStatus } from '@parley/contracts/grpc/health/v1/health';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';

const transport = createRouterTransport(({ service }) => {
  service(MetricsService, { listKpiDefinitions: () => ({ definitions: [{ name: ${name} }] }) });
});
const { definitions } = await createClient(MetricsService, transport).listKpiDefinitions({});
console.log('%s %d', definitions[0]?.name, HealthCheckResponse_ServingStatus.SERVING);
`;

function write(file: string, text: string): string {
  const path = join(project, file);
  writeFileSync(path, text);
  onTestFinished(() => rmSync(path));
  return path;
}

/** What the TypeScript compiler says of a file, with the declarations that it uses checked too; nothing is good. */
function diagnose(path: string, module: string, resolution: string): string {
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom,dom.iterable'];
  const { error, stdout } = spawnSync(
    process.execPath,
    [tsc, ...flags, '--module', module, '--moduleResolution', resolution, path],
    { cwd: project, encoding: 'utf8' },
  );
  if (error !== undefined) throw error;
  return stdout;
}

test.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('a client compiles against the package under module %s', (module, resolution) => {
  expect(diagnose(write('client.ts', client("'containment_rate'")), module, resolution)).toBe('');
});

test('a field of the wrong type does not compile', () => {
  expect(diagnose(write('client.ts', client('1')), 'nodenext', 'nodenext')).toContain(
    "'number' is not assignable",
  );
});

test('a client runs', () => {
  const path = write('client.js', client("'containment_rate'"));
  expect(execFileSync(process.execPath, [path], { cwd: project, encoding: 'utf8' })).toBe(
    'containment_rate 1\n',
  );
});

test('the package names its licence and holds its text', () => {
  const folder = join(project, 'node_modules', '@parley', 'contracts');
  expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).license).toBe('Apache-2.0');
  expect(readFileSync(join(folder, 'LICENSE'), 'utf8')).toContain('Version 2.0, January 2004');
});
