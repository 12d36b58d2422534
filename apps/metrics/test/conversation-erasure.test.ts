import { randomUUID } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKinds, packEventKeys } from '@parley/event';
import type { LogEvent } from '@parley/event';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  chances,
  conversationEvents,
  conversationLog,
  conversationWorld,
  cutAtRandom,
} from './conversation-world.ts';
import { event, inOrder } from './events.ts';
import type { NewEvent } from './events.ts';
import { openMetricsRows } from './metrics-database.ts';

const cluster = await testCluster();
const erased = 'ann';

/** The id of the interaction that an event is or is about. */
function interactionOf({ body }: NewEvent): string {
  const { eventId, payload } = fromBinary(EventSchema, body ?? new Uint8Array());
  if (payload.case === 'interaction') return eventId;
  const { value } = payload;
  return typeof value === 'object' && 'interactionId' in value ? value.interactionId : '';
}

function erasureOf(
  events: readonly NewEvent[],
  partCount: number,
  { tenantId, receivedAt }: { readonly tenantId: string; readonly receivedAt: Date },
): readonly NewEvent[] {
  const receiptId = randomUUID();
  return Array.from({ length: partCount }, (_, index) => {
    const keys = new Map<number, string[]>();
    const seen = new Set<string>();
    for (const { kind, eventKey } of events) {
      if (seen.has(`${kind} ${eventKey}`)) continue;
      seen.add(`${kind} ${eventKey}`);
      if (seen.size % partCount === index) keys.set(kind, [...(keys.get(kind) ?? []), eventKey]);
    }
    const { interactionKeys, eventKeys } = packEventKeys(keys);
    const value = {
      receiptId,
      memberId: erased,
      interactionKeys: Uint8Array.from(interactionKeys),
      eventKeys: Uint8Array.from(eventKeys),
      part: index + 1,
      partCount,
    };
    return event({ case: 'erasure', value }, { id: `${receiptId}/${index + 1}`, at: receivedAt, tenantId });
  });
}

test(
  'conversations that others share with an erased member are as if that one had never said anything, on each day',
  { timeout: 400_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(
        conversationWorld,
        chances,
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        async (world, stream, parts, choice) => {
          const tenantId = randomUUID();
          await metrics.forgetTime();
          const own = new Set(world.flatMap(({ member }, n) => (member === erased ? [`i${n}`] : [])));
          const all = conversationLog(conversationEvents(world, tenantId), stream);
          const cut = choice % (all.length + 1);
          const [before, after] = [
            all.slice(0, cut),
            all.slice(cut).filter((one) => !own.has(interactionOf(one))),
          ];
          // What is about an interaction that has not come is not known to be theirs.
          const come = new Set(
            before.filter(({ kind }) => kind === eventKinds.interaction).map(interactionOf),
          );
          const isErased = (one: NewEvent) => own.has(interactionOf(one)) && come.has(interactionOf(one));
          const receivedAt = before.at(-1)?.receivedAt ?? new Date('2026-03-07T00:00:00Z');
          const erasure = erasureOf(before.filter(isErased), parts, { tenantId, receivedAt });
          const log = inOrder([...before, ...erasure, ...after]);
          const emptied = log.map((one): LogEvent => (isErased(one) ? { ...one, body: undefined } : one));
          for (const batch of cutAtRandom(log, stream)) await metrics.fold(batch, 1);
          for (const batch of cutAtRandom(emptied, stream)) await metrics.fold(batch, 2);
          expect(await metrics.differences(tenantId)).toEqual([]);
        },
      ),
      { numRuns: 60, endOnFailure: true },
    );
  },
);
