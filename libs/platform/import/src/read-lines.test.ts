import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxLineBytes, openFile, readLines } from './read-lines.ts';

async function linesOf(bytes: Buffer, chunkSize = 7, encoding?: string) {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) chunks.push(bytes.subarray(at, at + chunkSize));
  const lines = await Array.fromAsync(readLines(Readable.from(chunks, { objectMode: false }), encoding));
  return lines.map((line) => ({
    number: line.number,
    ...('fault' in line ? { fault: line.fault.reason } : { text: line.text }),
  }));
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
        expect(lines).toEqual(texts.map((line, index) => ({ number: index + 1, text: line })));
      },
    ),
  );
});

test('empty lines are counted and not given', async () => {
  const lines = await linesOf(Buffer.from('a\n\n  \nb\n'));
  expect(lines).toEqual([
    { number: 1, text: 'a' },
    { number: 4, text: 'b' },
  ]);
});

test('a line above the bound is given without its text, and the next one is whole', async () => {
  const bytes = Buffer.concat([Buffer.alloc(maxLineBytes + 1, 'x'), Buffer.from('\nnext')]);
  const lines = await linesOf(bytes, 65_536);
  expect(lines).toEqual([
    { number: 1, fault: 'TOO_LARGE' },
    { number: 2, text: 'next' },
  ]);
});

test('a file cut short in the middle of its compression is an error, not a shorter file', async () => {
  const whole = gzipSync(Buffer.from('a\nb\nc\n'));
  await expect(linesOf(whole.subarray(0, whole.length - 9))).rejects.toThrow();
});

test('the byte order mark says the encoding, else who calls; what is neither is told line by line', async () => {
  const text = 'Grüße 😀\nzwei\n';
  const expected = [
    { number: 1, text: 'Grüße 😀' },
    { number: 2, text: 'zwei' },
  ];
  const utf16 = Buffer.from(`\uFEFF${text}`, 'utf16le');
  for (const bytes of [Buffer.from(text), Buffer.from(`\uFEFF${text}`), utf16, Buffer.from(utf16).swap16()]) {
    expect(await linesOf(bytes, 1)).toEqual(expected);
    expect(await linesOf(gzipSync(bytes), 3)).toEqual(expected);
  }
  const latin = Buffer.from('Grüße\nzwei\n', 'latin1');
  expect(await linesOf(latin, 2, 'windows-1252')).toEqual([{ number: 1, text: 'Grüße' }, expected[1]]);
  expect(await linesOf(latin, 2)).toEqual([{ number: 1, fault: 'INVALID_ENCODING' }, expected[1]]);
  expect(await linesOf(Buffer.from(`\uFEFF${text}`), 2, 'windows-1252')).toEqual(expected);
  await expect(linesOf(Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x0a, 0x00]), 6)).rejects.toMatchObject({
    reason: 'INVALID_ENCODING',
  });
});

test('a mark before a line of files that were put together is left out', async () => {
  const lines = await linesOf(Buffer.from('\uFEFF{}\n\uFEFF{}\n'), 2);
  expect(lines).toEqual([
    { number: 1, text: '{}' },
    { number: 2, text: '{}' },
  ]);
});

test('a file that is not there is told where it is read, and nowhere else', async () => {
  const lines = readLines(openFile('/nowhere/at/all', process.stdin));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(lines.next()).rejects.toMatchObject({ code: 'ENOENT' });
});
