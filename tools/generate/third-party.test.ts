import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { file_buf_validate_validate as rules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { expect, test } from 'vitest';
import { repository, runBuf } from './buf.ts';

test('the vendored validation rules are those that the validator knows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-rules-'));
  try {
    const image = join(folder, 'image.binpb');
    const flags = ['--exclude-source-info', '--as-file-descriptor-set', '--output', image];
    expect(runBuf(repository, 'build', 'third_party', ...flags)).toEqual({ ok: true, output: '' });

    const files = fromBinary(FileDescriptorSetSchema, readFileSync(image)).file;
    const vendored = files.find((file) => file.name === 'buf/validate/validate.proto');
    if (vendored === undefined) throw new Error('buf/validate/validate.proto is not in the image.');
    expect(comparable(toBinary(FileDescriptorProtoSchema, vendored))).toEqual(
      comparable(toBinary(FileDescriptorProtoSchema, rules.proto)),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A descriptor by value, its options decoded: two compilers may write an option's bytes in different orders. */
function comparable(descriptor: Uint8Array) {
  const registry = createRegistry(rules);
  return toJson(FileDescriptorProtoSchema, fromBinary(FileDescriptorProtoSchema, descriptor), { registry });
}
