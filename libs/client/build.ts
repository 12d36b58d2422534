// Builds the package that others install, JavaScript with types, into dist/client or a given folder, and the contracts that
// it depends on into dist/contracts: `npm run build -w @parley/client [-- FOLDER]`.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const here = import.meta.dirname;
const repository = join(here, '..', '..');
const folder = resolve(process.argv[2] ?? join(repository, 'dist', 'client'));

execFileSync(process.execPath, [join(here, '..', 'contracts', 'build.ts')], { stdio: 'inherit' });
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.build.json'), '--outDir', folder], {
  stdio: 'inherit',
});

const { name, version, license, dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
  readFileSync(join(here, 'package.json'), 'utf8'),
);
const manifest = {
  name,
  version,
  description: "Reports what a bot does to Parley, without getting in the bot's way.",
  license,
  type: 'module',
  sideEffects: false,
  exports: { '.': { types: './index.d.ts', default: './index.js' } },
  // Node 20.15 brought crc32.
  engines: { node: '>=20.15' },
  dependencies: { ...dependencies, '@parley/contracts': version },
  peerDependencies,
  peerDependenciesMeta,
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
copyFileSync(join(here, 'README.md'), join(folder, 'README.md'));
copyFileSync(join(repository, 'LICENSE'), join(folder, 'LICENSE'));
