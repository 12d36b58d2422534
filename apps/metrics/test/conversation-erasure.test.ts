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
  turn,
} from './conversation-world.ts';
import type { Turn } from './conversation-world.ts';
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

/** Long after anything of the world; events of then may have expired. */
const longAfter = new Date('2026-06-01T00:00:00Z');

/** Two members in each, next to one another in a row: whom an erasure of the first concerns is at its end. */
const row = ['ann', 'bob', 'cyd', 'dan'] as const;
const link = fc.integer({ min: 0, max: row.length - 2 });

/** Members who share conversations over several links, each of which both really are in, and what they say beside. */
const linkedWorld = fc
  .tuple(
    fc.array(turn, { minLength: 6, maxLength: 6 }),
    fc.array(fc.tuple(turn, link, fc.boolean()), { maxLength: 8 }),
  )
  .map(([links, more]) => [
    ...links.map((one, n) => inLink(one, Math.floor(n / 2), n % 2)),
    ...more.map(([one, at, isSecond]) =>
      one.conversation === '' ? { ...one, member: row[at] ?? '' } : inLink(one, at, Number(isSecond)),
    ),
  ]);

function inLink(one: Turn, at: number, side: number): Turn {
  const inThread = { isReported: true, bot: 'sales', group: '', conversation: `c${at + 1}` };
  return { ...one, ...inThread, member: row[at + side] ?? '' };
}

/** Of what has expired, a handoff that names its conversation says no more whose interaction it was given in. */
function withoutHandoffsOfConversations(world: readonly Turn[]): readonly Turn[] {
  return world.map((one) => ({ ...one, handoff: one.handoff === undefined ? undefined : '' }));
}

const cases: readonly { claim: string; worlds: fc.Arbitrary<readonly Turn[]>; numRuns: number }[] = [
  { claim: 'conversations that others share with an erased member', worlds: conversationWorld, numRuns: 60 },
  {
    claim: 'conversations of members in a row, of whom the first is erased,',
    worlds: linkedWorld,
    numRuns: 40,
  },
];
for (const { claim, worlds, numRuns } of cases) {
  test(`${claim} are as if that one had never said anything, on each day`, { timeout: 400_000 }, async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(
        worlds,
        chances,
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        fc.boolean(),
        async (told, stream, parts, choice, isExpired) => {
          const tenantId = randomUUID();
          await metrics.forgetTime();
          const world = isExpired ? withoutHandoffsOfConversations(told) : told;
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
          const last = before.at(-1)?.receivedAt ?? new Date('2026-03-07T00:00:00Z');
          const receivedAt = isExpired ? longAfter : last;
          // Of what has expired the erasure knows no key, or some.
          const named = before.filter((one, index) => isErased(one) && (!isExpired || index < choice % 5));
          const erasure = erasureOf(named, parts, { tenantId, receivedAt });
          const late = isExpired ? after.map((one) => ({ ...one, receivedAt })) : after;
          const log = inOrder([...before, ...erasure, ...late]);
          const emptied = log.map((one): LogEvent => (isErased(one) ? { ...one, body: undefined } : one));
          for (const batch of cutAtRandom(log, stream)) await metrics.fold(batch, 1);
          for (const batch of cutAtRandom(emptied, stream)) await metrics.fold(batch, 2);
          expect(await metrics.differences(tenantId)).toEqual([]);
        },
      ),
      { numRuns, endOnFailure: true },
    );
  });
}
