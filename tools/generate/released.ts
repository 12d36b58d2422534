import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { runBuf, type BufResult } from './buf.ts';

/** The image of the released packages, from the root of the repository. */
export const releasedImage = join('proto', 'released.binpb');

/** The packages of ours in the image of what is released, sorted; none when there is no image. */
export function releasedPackages(root: string): readonly string[] {
  const path = join(root, releasedImage);
  if (!existsSync(path)) return [];
  const packages = fromBinary(FileDescriptorSetSchema, readFileSync(path)).file.map((file) => file.package);
  return [...new Set(packages)].filter((name) => name.startsWith('parley.')).sort();
}

/** Compares proto with the image of what is released, which must exist; not ok means a breaking change. */
export function compareWithReleased(root: string): BufResult {
  return runBuf(root, 'breaking', 'proto', '--against', releasedImage);
}

/** What came of a release: the packages that the image now holds, or why it is as it was. */
export type Release =
  | { readonly released: readonly string[]; readonly refused?: never }
  | { readonly released?: never; readonly refused: string };

/**
 * Puts a package, and the packages of ours that it imports, into the image of what is released. What was
 * released before is recorded as it stands now, so additions to it become part of the promise. Refused when
 * proto holds no such package, does not compile, or breaks what was released before.
 */
export function release(root: string, name: string): Release {
  const before = releasedPackages(root);
  if (before.length > 0) {
    const comparison = compareWithReleased(root);
    if (!comparison.ok) return { refused: `proto breaks what is released:\n${comparison.output}` };
  }
  const folders = [...new Set([...before, name])].map((each) => join('proto', ...each.split('.')));
  const missing = folders.find((folder) => !existsSync(join(root, folder)));
  if (missing !== undefined) return { refused: `There is no folder ${missing}.` };

  const paths = folders.flatMap((folder) => ['--path', folder]);
  const build = runBuf(root, 'build', 'proto', ...paths, '--exclude-source-info', '--output', releasedImage);
  return build.ok ? { released: releasedPackages(root) } : { refused: build.output };
}
