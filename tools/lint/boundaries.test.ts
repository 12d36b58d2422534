import { join } from 'node:path';
import { ESLint } from 'eslint';
import { expect, test } from 'vitest';
import tseslint from 'typescript-eslint';

const repository = join(import.meta.dirname, '..', '..');

// The files named below need not exist, and rules that ask for types ask for files.
const eslint = new ESLint({ cwd: repository, overrideConfig: [tseslint.configs.disableTypeChecked] });

/** The messages of the rules about who may use what, for a file of this text at this place. */
async function complaints(path: string, text: string): Promise<readonly string[]> {
  const results = await eslint.lintText(text, { filePath: join(repository, path) });
  return results
    .flatMap(({ messages }) => messages)
    .filter(({ fatal, ruleId }) => fatal || /boundaries|restricted/.test(ruleId ?? ''))
    .map(({ message }) => message);
}

const importing = (from: string) => `import * as planted from '${from}';\nexport const kept = planted;\n`;

test.each([
  [
    'the domain imports a platform library',
    'libs/domain/kpi/src/x.ts',
    '@parley/runtime',
    'depend on libs tagged',
  ],
  [
    'the domain imports the contracts',
    'libs/domain/event/src/x.ts',
    '@parley/contracts/google/rpc/status',
    'depend on libs tagged',
  ],
  [
    'the domain imports a database driver',
    'libs/domain/event/src/x.ts',
    '@mikro-orm/core',
    'is not allowed to import',
  ],
  ['the domain imports the file system', 'libs/domain/kpi/src/x.ts', 'node:fs', 'knows no machine'],
  [
    'the domain imports the file system by its old name',
    'libs/domain/kpi/src/x.ts',
    'fs/promises',
    'knows no machine',
  ],
  ['the domain imports cryptography', 'libs/domain/kpi/src/x.ts', 'node:crypto', 'knows no machine'],
  ['a key of an event is random', 'libs/domain/event/src/x.ts', 'node:crypto', "only 'createHash'"],
  ['the contracts import ours', 'libs/contracts/src/x.ts', '@parley/errors', 'cannot depend on any libs'],
  [
    'the platform imports a service',
    'libs/platform/postgres/src/x.ts',
    '@parley/metrics',
    'depend on libs tagged|Circular dependency',
  ],
  ['the platform imports a KPI', 'libs/platform/projection/src/x.ts', '@parley/kpi', 'depend on libs tagged'],
  ['a service imports another', 'apps/metrics/src/x.ts', '@parley/ingestion', 'depend on libs tagged'],
  [
    'a service reaches into another by path',
    'apps/metrics/src/x.ts',
    '../../ingestion/src/service.ts',
    'relative or absolute path',
  ],
  ['a service imports the CLI', 'apps/metrics/src/x.ts', '@parley/cli', 'Only packages defined'],
  ['the CLI imports a service', 'apps/cli/src/x.ts', '@parley/ingestion', 'depend on libs tagged'],
  ['the composition imports a tool', 'apps/standalone/src/x.ts', '@parley/bench', 'Only packages defined'],
  ['a package comes from nowhere', 'apps/metrics/src/x.ts', 'lodash', 'Transitive or unresolvable'],
  ['a service runs test fixtures', 'apps/metrics/src/x.ts', '@parley/testing', 'This is for tests'],
  [
    'a use case calls rpc',
    'apps/metrics/src/use-cases/x.ts',
    '../rpc/metrics-handler.ts',
    'never the other way round',
  ],
  [
    'a use case speaks the protocol',
    'apps/metrics/src/use-cases/x.ts',
    '@connectrpc/connect',
    'Only rpc speaks the protocol',
  ],
  [
    'a use case takes a message',
    'apps/metrics/src/use-cases/x.ts',
    '@parley/contracts/google/rpc/status',
    'stay in rpc',
  ],
  [
    'a use case takes a row',
    'apps/metrics/src/use-cases/x.ts',
    '../storage/entities.ts',
    'Entities stay in storage',
  ],
  [
    'a handler takes a row',
    'apps/metrics/src/rpc/x.ts',
    '../storage/entities.ts',
    'Entities stay in storage',
  ],
  ['a handler speaks to the database', 'apps/metrics/src/rpc/x.ts', '@mikro-orm/core', 'Only storage speaks'],
  [
    'storage calls a use case',
    'apps/metrics/src/storage/x.ts',
    '../use-cases/get-kpis.ts',
    'never the other way round',
  ],
])('it is refused that %s', async (_claim, path, from, because) => {
  expect(await complaints(path, importing(from))).toContainEqual(expect.stringMatching(because));
});

test.each([
  [
    'the domain reads the clock',
    'libs/domain/kpi/src/x.ts',
    'export const at = Date.now();',
    'the clock as an argument',
  ],
  [
    'the domain makes the date of now',
    'libs/domain/kpi/src/x.ts',
    'export const at = new Date();',
    'the clock as an argument',
  ],
  [
    'the domain throws dice',
    'libs/domain/statistics/src/x.ts',
    'export const die = Math.random();',
    'the randomness as an argument',
  ],
  ['the domain waits', 'libs/domain/kpi/src/x.ts', 'setTimeout(() => undefined, 1);', 'setTimeout'],
  [
    'the domain calls out',
    'libs/domain/kpi/src/x.ts',
    "export const page = fetch('http://localhost');",
    'fetch',
  ],
  [
    'the domain looks at the process',
    'libs/domain/kpi/src/x.ts',
    'export const pid = process.pid;',
    "'process'",
  ],
  [
    'a use case reads the clock',
    'apps/metrics/src/use-cases/x.ts',
    'export const at = Date.now();',
    'the clock as an argument',
  ],
  [
    'a handler looks at the process',
    'apps/metrics/src/rpc/x.ts',
    'export const pid = process.pid;',
    "'process'",
  ],
  [
    'a command of the CLI looks at the process',
    'apps/cli/src/x.ts',
    'export const pid = process.pid;',
    "'process'",
  ],
  [
    'the platform reads the environment',
    'libs/platform/rpc/src/x.ts',
    'export const user = process.env.USER;',
    'read the environment',
  ],
  [
    'the platform imports the environment',
    'libs/platform/projection/src/x.ts',
    "import { env } from 'node:process';\nexport const user = env.USER;",
    'read the environment',
  ],
  [
    'a handler opens a connection',
    'apps/metrics/src/rpc/x.ts',
    'export const forked = (em: { fork(): object }) => em.fork();',
    'Connections are opened',
  ],
  [
    'a type is forced',
    'libs/platform/rpc/src/x.ts',
    'export const n = "1" as unknown as number;',
    'narrow it',
  ],
  [
    'a test is skipped',
    'libs/domain/kpi/src/x.test.ts',
    "import { test } from 'vitest';\ntest.skip('', () => {});",
    'A test runs',
  ],
])('it is refused that %s', async (_claim, path, text, because) => {
  expect(await complaints(path, text)).toContainEqual(expect.stringMatching(because));
});

test.each([
  ['the domain imports the domain', 'libs/domain/kpi/src/x.ts', importing('@parley/errors')],
  ['a test of the domain reads a file', 'libs/domain/kpi/src/x.test.ts', importing('node:fs')],
  [
    'the key of an event is a hash',
    'libs/domain/event/src/x.ts',
    "import { createHash } from 'node:crypto';\nexport const hash = createHash;",
  ],
  ['the platform imports the errors', 'libs/platform/rpc/src/x.ts', importing('@parley/errors')],
  [
    'the platform imports the contracts',
    'libs/platform/rpc/src/x.ts',
    importing('@parley/contracts/google/rpc/status'),
  ],
  ['a service imports the domain', 'apps/metrics/src/x.ts', importing('@parley/kpi')],
  [
    'a handler takes a message',
    'apps/metrics/src/rpc/x.ts',
    importing('@parley/contracts/google/rpc/status'),
  ],
  ['a handler calls a use case', 'apps/metrics/src/rpc/x.ts', importing('../use-cases/get-kpis.ts')],
  ['storage speaks to the database', 'apps/ingestion/src/storage/x.ts', importing('@mikro-orm/core')],
  ['a test of a service uses fixtures', 'apps/metrics/test/x.test.ts', importing('@parley/testing')],
  ['main reads the environment', 'apps/metrics/src/main.ts', 'export const user = process.env.USER;'],
  ['the composition imports services', 'apps/standalone/src/x.ts', importing('@parley/metrics')],
  ['the system tests import anything', 'apps/e2e/test/x.test.ts', importing('@parley/demo')],
  ['a tool imports a service', 'tools/bench/src/x.ts', importing('@parley/metrics')],
])('it is allowed that %s', async (_claim, path, text) => {
  expect(await complaints(path, text)).toEqual([]);
});
