import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { repository } from './buf.ts';
import { compareWithReleased, release, releasedPackages } from './released.ts';

const thing = 'import "parley/type/v1/name.proto";\nmessage Thing { parley.type.v1.Name name = 1; }';

/** A workspace set up like ours with a package `parley.thing.v1`, which imports `parley.type.v1`, and a third one. */
function workspace() {
  const root = mkdtempSync(join(tmpdir(), 'parley-released-test-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const path of ['buf.yaml', 'third_party'])
    cpSync(join(repository, path), join(root, path), { recursive: true });
  const write = (name: string, file: string, body: string) => {
    const folder = join(root, 'proto', ...name.split('.'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, file), `syntax = "proto3";\npackage ${name};\n${body}\n`);
  };
  write('parley.type.v1', 'name.proto', 'message Name { string text = 1; }');
  write('parley.thing.v1', 'thing.proto', thing);
  write('parley.draft.v1', 'draft.proto', 'message Draft { string text = 1; }');
  return { root, write };
}

test('nothing is released before the first release', () => {
  expect(releasedPackages(workspace().root)).toEqual([]);
});

test('a package is released together with those that it imports, and with no other', () => {
  const { root } = workspace();
  expect(release(root, 'parley.thing.v1').released).toEqual(['parley.thing.v1', 'parley.type.v1']);
});

test('an addition breaks nothing; a changed field of a released package does, its imports included', () => {
  const { root, write } = workspace();
  release(root, 'parley.thing.v1');

  write('parley.thing.v1', 'more.proto', 'message More { int64 count = 1; }');
  expect(compareWithReleased(root)).toEqual({ ok: true, output: '' });

  write('parley.type.v1', 'name.proto', 'message Name { int64 text = 1; }');
  const { ok, output } = compareWithReleased(root);
  expect(ok).toBe(false);
  expect(output).toContain('proto/parley/type/v1/name.proto');
});

test('a package that is not released may change', () => {
  const { root, write } = workspace();
  release(root, 'parley.thing.v1');
  write('parley.draft.v1', 'draft.proto', 'message Draft { int64 text = 1; }');
  expect(compareWithReleased(root).ok).toBe(true);
});

test('a second release keeps the first and refuses to forget what it promised', () => {
  const { root, write } = workspace();
  release(root, 'parley.thing.v1');
  expect(release(root, 'parley.draft.v1').released).toEqual([
    'parley.draft.v1',
    'parley.thing.v1',
    'parley.type.v1',
  ]);

  write('parley.thing.v1', 'thing.proto', 'message Thing {}');
  expect(release(root, 'parley.thing.v1').refused).toContain('proto breaks what is released');
});

test('a package that does not exist can not be released', () => {
  expect(release(workspace().root, 'parley.nothing.v1').refused).toContain('There is no folder');
});
