import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxLineBytes, readLines, type Line } from './read-lines.ts';

async function linesOf(bytes: Buffer, chunkSize = 7): Promise<Line[]> {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) chunks.push(bytes.subarray(at, at + chunkSize));
  return await Array.fromAsync(readLines(Readable.from(chunks, { objectMode: false })));
}

test('lines come as they were written, however the bytes are cut, gzipped or not', async () => {
  const text = fc.string({ unit: 'grapheme' }).map((line) => line.replace(/[\n\r]/g, ''));
  await fc.assert(
    fc.asyncProperty(
      fc.array(text.map((line) => `x${line.toWellFormed()}`)),
      fc.integer({ min: 1, max: 50 }),
      fc.boolean(),
      async (texts, chunkSize, gzipped) => {
        const bytes = Buffer.from(texts.join('\n'));
        const lines = await linesOf(gzipped ? gzipSync(bytes) : bytes, chunkSize);
        expect(lines.map((line) => line.text)).toEqual(texts);
        expect(lines.map((line) => line.number)).toEqual(texts.map((_, index) => index + 1));
      },
    ),
  );
});

test('empty lines are counted and not given', async () => {
  const lines = await linesOf(Buffer.from('a\n\n  \nb\n'));
  expect(lines.map(({ number, text }) => [number, text])).toEqual([
    [1, 'a'],
    [4, 'b'],
  ]);
});

test('a line above the bound is given without its text, and the next one is whole', async () => {
  const bytes = Buffer.concat([Buffer.alloc(maxLineBytes + 1, 'x'), Buffer.from('\nnext')]);
  const lines = await linesOf(bytes, 65_536);
  expect(lines.map(({ text }) => text)).toEqual([undefined, 'next']);
});

test('a file cut short in the middle of its compression is an error, not a shorter file', async () => {
  const whole = gzipSync(Buffer.from('a\nb\nc\n'));
  await expect(linesOf(whole.subarray(0, whole.length - 9))).rejects.toThrow();
});
