// Builds the package that others install, JavaScript with types, into dist/contracts or a given folder:
// `npm run build -w @parley/contracts [-- FOLDER]`.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const here = import.meta.dirname;
const repository = join(here, '..', '..');
const folder = resolve(process.argv[2] ?? join(repository, 'dist', 'contracts'));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.build.json'), '--outDir', folder], {
  stdio: 'inherit',
});

const { name, version, license, dependencies } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const manifest = {
  name,
  version,
  description: 'Typed stubs of the services of Parley.',
  license,
  type: 'module',
  sideEffects: false,
  // The sources are reached by the same names: see `exports` in libs/contracts/package.json.
  exports: { './*': { types: './*_pb.d.ts', default: './*_pb.js' } },
  engines: { node: '>=20' },
  dependencies,
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
copyFileSync(join(here, 'README.md'), join(folder, 'README.md'));
copyFileSync(join(repository, 'LICENSE'), join(folder, 'LICENSE'));
