import type { LogEvent } from '@parley/event';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentEvents } from './recent-events.ts';

const event = (offset: bigint, size = 0): LogEvent => ({
  offset,
  tenantId: '',
  kind: 1,
  eventKey: '',
  occurredAt: new Date(0),
  receivedAt: new Date(0),
  body: new Uint8Array(size),
});
const run = (from: number, count: number, size = 0) =>
  Array.from({ length: count }, (_, index) => event(BigInt(from + index), size));
const roomy = { bytes: 1e9, ageMs: 1e9 };
const offsets = (events: readonly LogEvent[] | undefined) => events?.map(({ offset }) => Number(offset));

test('a reader gets what follows its offset, at most as much as it asks for', () => {
  const recent = new RecentEvents(roomy);
  recent.add(0, run(5, 3, 10));
  recent.add(0, run(8, 3, 10));
  expect(offsets(recent.after(0, 4n, 100, 1e9))).toEqual([5, 6, 7, 8, 9, 10]);
  expect(offsets(recent.after(0, 6n, 3, 1e9))).toEqual([7, 8, 9]);
  expect(offsets(recent.after(0, 6n, 100, 20))).toEqual([7, 8]);
  expect(offsets(recent.after(0, 6n, 100, 1))).toEqual([7]);
  expect(recent.head(0)).toBe(10n);
});

test('who is before what is here, at its end or beyond it, must ask the database', () => {
  const recent = new RecentEvents(roomy);
  expect(recent.after(0, 0n, 10, 1e9)).toBeUndefined();
  recent.add(0, run(5, 3));
  for (const offset of [3n, 7n, 8n, 100n]) expect(recent.after(0, offset, 10, 1e9)).toBeUndefined();
  expect(recent.after(1, 4n, 10, 1e9)).toBeUndefined();
});

test('what is old, forgotten or too much is given no more', () => {
  let now = 0;
  const recent = new RecentEvents({ bytes: 3_000, ageMs: 10 }, () => now);
  recent.add(0, run(1, 1));
  now = 10;
  recent.add(0, run(2, 1));
  expect(offsets(recent.after(0, 0n, 10, 1e9))).toEqual([1, 2]);
  now = 11;
  expect(recent.after(0, 0n, 10, 1e9)).toBeUndefined();
  expect(offsets(recent.after(0, 1n, 10, 1e9))).toEqual([2]);
  recent.add(1, run(1, 1));
  recent.forget(0);
  expect(recent.after(0, 1n, 10, 1e9)).toBeUndefined();
  expect(offsets(recent.after(1, 0n, 10, 1e9))).toEqual([1]);
  recent.add(2, run(1, 1, 2_600));
  expect(recent.after(1, 0n, 10, 1e9)).toBeUndefined();
  expect(offsets(recent.after(2, 0n, 10, 1e9))).toEqual([1]);
});

test('whatever was committed, by whom and when: what is given follows without a gap and was committed here', () => {
  const step = fc.record({
    partition: fc.integer({ min: 0, max: 2 }),
    count: fc.integer({ min: 1, max: 5 }),
    isForeign: fc.boolean(),
    size: fc.integer({ min: 0, max: 300 }),
    passes: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.nat(60), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 1, max: 20 }),
      (steps, readers, maxCount) => {
        let now = 0;
        const recent = new RecentEvents({ bytes: 4_000, ageMs: 20 }, () => now);
        const heads = new Map<number, number>();
        const ours = new Map<string, LogEvent>();
        for (const { partition, count, isForeign, size, passes } of steps) {
          now += passes;
          const head = heads.get(partition) ?? 0;
          heads.set(partition, head + count);
          if (isForeign) continue;
          const added = run(head + 1, count, size);
          for (const one of added) ours.set(`${partition} ${one.offset}`, one);
          recent.add(partition, added);
          for (const offset of readers) {
            const found = recent.after(partition, BigInt(offset), maxCount, 1_000);
            if (found === undefined) continue;
            expect(found.length).toBeLessThanOrEqual(maxCount);
            expect(offsets(found)).toEqual(found.map((_, index) => offset + 1 + index));
            for (const one of found) expect(ours.get(`${partition} ${one.offset}`)).toBe(one);
          }
        }
      },
    ),
  );
});
