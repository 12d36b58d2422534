import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRecords, toRecord } from './segment.ts';

const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 12 });
const plain = (records: readonly Uint8Array[]) => records.map((record) => [...record]);

test('what was written is read', () => {
  fc.assert(
    fc.property(payloads, (written) => {
      const { records, whole } = readRecords(Buffer.concat(written.map(toRecord)));
      expect(plain(records)).toEqual(plain(written));
      expect(whole).toBe(true);
    }),
  );
});

test('of a file that is cut anywhere, every whole record is read and nothing else', () => {
  fc.assert(
    fc.property(payloads, fc.double({ min: 0, max: 1, noNaN: true }), (written, share) => {
      const file = Buffer.concat(written.map(toRecord));
      const cut = Math.floor(file.length * share);
      const { records, whole } = readRecords(file.subarray(0, cut));
      let end = 0;
      const expected = written.filter((bytes) => (end += toRecord(bytes).length) <= cut);
      expect(plain(records)).toEqual(plain(expected));
      expect(whole).toBe(expected.reduce((sum, bytes) => sum + toRecord(bytes).length, 0) === cut);
    }),
  );
});

test('a flipped bit ends the reading before its record', () => {
  fc.assert(
    fc.property(payloads, fc.nat(), fc.nat({ max: 7 }), (written, at, bit) => {
      const file = Buffer.concat(written.map(toRecord));
      const index = at % file.length;
      file[index] = (file[index] ?? 0) ^ (1 << bit);
      const { records, whole } = readRecords(file);
      expect(whole).toBe(false);
      expect(plain(records)).toEqual(plain(written.slice(0, records.length)));
      expect(records.length).toBeLessThan(written.length);
    }),
  );
});
