import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue, weightOf, type QueuedEvent } from './event-queue.ts';

const event = (id: string, size: number): QueuedEvent => ({
  id,
  kind: 'interaction',
  bytes: new Uint8Array(size),
  queuedAt: 0,
});

type Step =
  | { readonly do: 'add'; readonly size: number }
  | { readonly do: 'take'; readonly events: number; readonly bytes: number }
  | { readonly do: 'release' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('add' as const), size: fc.integer({ min: 0, max: 300 }) }),
  },
  fc.record({
    do: fc.constant('take' as const),
    events: fc.integer({ min: 1, max: 20 }),
    bytes: fc.integer({ min: 1, max: 1000 }),
  }),
  fc.record({ do: fc.constant('release' as const) }),
);

test('whatever is done, the bounds hold, the order stays, and each event is taken once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const limits = { maxEvents: 25, maxBytes: 4000 };
      const queue = new EventQueue(limits);
      const waiting: QueuedEvent[] = [];
      const taken: QueuedEvent[][] = [];
      steps.forEach((now, index) => {
        if (now.do === 'add') {
          const added = event(String(index), now.size);
          const heldBytes = [...waiting, ...taken.flat()].reduce((sum, each) => sum + weightOf(each), 0);
          const held = waiting.length + taken.flat().length;
          const fits = held < limits.maxEvents && heldBytes + weightOf(added) <= limits.maxBytes;
          expect(queue.add(added)).toBe(fits);
          if (fits) waiting.push(added);
        } else if (now.do === 'take') {
          const batch = queue.take(now.events, now.bytes);
          expect(batch).toEqual(waiting.splice(0, batch.length));
          const bytes = batch.reduce((sum, each) => sum + weightOf(each), 0);
          expect(batch.length === 1 || bytes <= now.bytes).toBe(true);
          const [next] = waiting;
          const isFull = batch.length === now.events || (next && bytes + weightOf(next) > now.bytes);
          expect(next === undefined || isFull).toBe(true);
          taken.push(batch);
        } else {
          queue.release(taken.shift() ?? []);
        }
        const held = [...waiting, ...taken.flat()];
        expect(queue.waiting).toBe(waiting.length);
        expect(queue.held).toBe(held.length);
        expect(queue.heldBytes).toBe(held.reduce((sum, each) => sum + weightOf(each), 0));
        expect(queue.waitingBytes).toBe(waiting.reduce((sum, each) => sum + weightOf(each), 0));
        expect(queue.oldest).toBe(waiting[0]);
      });
    }),
  );
});
