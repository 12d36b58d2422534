import { randomUUID } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { packEventKeys } from '@parley/event';
import type { LogEvent } from '@parley/event';
import type { ErasureCoordinator, PendingErasure } from '@parley/service';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { event, inOrder, tenantA } from './events.ts';
import type { NewEvent } from './events.ts';
import { openMetricsRows, partition } from './metrics-database.ts';
import { cutAtRandom, eventsOf, orders, received, shuffle, span, start, world } from './random-world.ts';
import type { World } from './random-world.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const erased = 'ann';
/** Events of then may have expired. */
const longAgo = 60 * 86_400_000;

/** The events that go with a member, by their own content and by that of what they refer to. */
function goesWithAnn({ dialogues, members }: World): {
  readonly isErased: (one: NewEvent) => boolean;
  readonly userIds: readonly string[];
} {
  const interactions = new Set(
    dialogues.flatMap((d, n) => (d.isReported && d.member === erased ? [`i${n}`] : [])),
  );
  const conversions = new Set(
    dialogues.flatMap((d, n) =>
      d.conversions.flatMap((c, m) =>
        c.isReported && (c.member === erased || interactions.has(`i${n}`)) ? [`c${n}.${m}`] : [],
      ),
    ),
  );
  const userIds = members
    .filter(({ member, user }) => member === erased && user !== '')
    .map(({ user }) => user)
    .filter((user) => members.every((other) => other.user !== user || other.member === erased));
  const isErased = ({ body }: NewEvent): boolean => {
    const { eventId, payload } = fromBinary(EventSchema, body ?? new Uint8Array());
    switch (payload.case) {
      case 'interaction':
        return interactions.has(eventId);
      case 'completion':
      case 'enrichment':
      case 'feedback':
        return interactions.has(payload.value.interactionId);
      case 'conversion':
        return conversions.has(eventId);
      case 'refund':
        return conversions.has(payload.value.conversionId);
      case 'member':
        return payload.value.memberId === erased;
      case 'user':
        return userIds.includes(payload.value.userId);
      default:
        return false;
    }
  };
  return { isErased, userIds: [...new Set(userIds)] };
}

/** The events by which it is erased, in so many parts. */
function erasureOf(
  events: readonly NewEvent[],
  userIds: readonly string[],
  partCount: number,
  { tenantId, receivedAt }: { readonly tenantId: string; readonly receivedAt: Date },
): readonly NewEvent[] {
  const receiptId = randomUUID();
  return Array.from({ length: partCount }, (_, index) => {
    const keys = new Map<number, string[]>();
    for (const [n, { kind, eventKey }] of events.entries()) {
      if (n % partCount === index) keys.set(kind, [...(keys.get(kind) ?? []), eventKey]);
    }
    const { interactionKeys, eventKeys } = packEventKeys(keys);
    return event(
      {
        case: 'erasure',
        value: {
          receiptId,
          memberId: erased,
          userIds: [...userIds],
          interactionKeys: Uint8Array.from(interactionKeys),
          eventKeys: Uint8Array.from(eventKeys),
          part: index + 1,
          partCount,
        },
      },
      { id: `${receiptId}/${index + 1}`, at: receivedAt, tenantId },
    );
  });
}

test(
  'after an erasure every row is as if the member’s events had never had content, under each day of knowledge',
  { timeout: 300_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(
        world,
        orders,
        fc.nat(),
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        async (told, stream, choice, parts, isExpired) => {
          const tenantId = randomUUID();
          await metrics.forgetTime();
          const { isErased, userIds } = goesWithAnn(told);
          const all = received(shuffle(eventsOf(told, tenantId), stream));
          // What is not the member's may come before or after.
          const later = all.filter((one, index) => !isErased(one) && index > choice % all.length);
          const before = all.filter((one) => !later.includes(one));
          const receivedAt = new Date(start + span * 4 + (isExpired ? longAgo : 0));
          // Of what has expired the erasure knows no key, or some.
          const named = before.filter((one, index) => isErased(one) && (!isExpired || index < choice % 5));
          const erasure = erasureOf(named, userIds, parts, { tenantId, receivedAt });
          const log = inOrder([...before, ...erasure, ...later]);
          const emptied = log.map((one): LogEvent => (isErased(one) ? { ...one, body: undefined } : one));

          for (const batch of cutAtRandom(log, stream)) await metrics.fold(batch, 1);
          for (const batch of cutAtRandom(emptied, stream)) await metrics.fold(batch, 2);

          expect(await metrics.differences(tenantId)).toEqual([]);
          const { rows } = await metrics.worker.query(
            'select from member_ordinals where tenant_id = $1 and member_id = $2',
            [tenantId, erased],
          );
          expect(rows).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  },
);

test('a member who comes back after an erasure is a new one, and counts from then', async () => {
  const metrics = await openMetricsRows(cluster);
  const said = (id: string, at: string) =>
    event({ case: 'interaction', value: { botId: 'b', memberId: erased } }, { id, at });
  const first = said('i1', '2026-03-01T10:00:00Z');
  const receivedAt = new Date('2026-03-02T10:00:00Z');
  const erasure = erasureOf([first], [], 1, { tenantId: tenantA, receivedAt });
  await metrics.fold(inOrder([first, ...erasure, said('i2', '2026-03-03T10:00:00Z')]));
  const people = await metrics.people(new Date('2026-03-01'), new Date('2026-04-01'));
  const state = await metrics.state(new Date('2026-03-01'), new Date('2026-04-01'));
  expect([people.activeMembers, state.interactionCount]).toEqual([1, 1]);
  const { rows } = await metrics.worker.query<{ ordinal: number }>('select ordinal from member_ordinals');
  expect(rows).toEqual([{ ordinal: 1 }]);
});

test(
  'it is confirmed with what it took away once all rows are past it, and again when the log is emptied',
  { timeout: 30_000 },
  async () => {
    const confirmed: Parameters<ErasureCoordinator['confirm']>[0][] = [];
    let pending: PendingErasure | undefined;
    const erasures: ErasureCoordinator = {
      listPending: () => Promise.resolve(pending === undefined ? [] : [pending]),
      confirm: (confirmation) => {
        confirmed.push(confirmation);
        if (pending !== undefined) {
          pending = confirmation.isLogEmptied ? undefined : { ...pending, isLogEmptied: true };
        }
        return Promise.resolve();
      },
    };
    const { log, a } = await startService(cluster, { erasures });
    const receivedAt = new Date();
    const said = event(
      { case: 'interaction', value: { botId: 'b', memberId: erased } },
      { id: 'i1', at: receivedAt },
    );
    const sold = event(
      { case: 'conversion', value: { interactionId: 'i1', outcome: 1 } },
      { id: 'c1', at: receivedAt },
    );
    const erasure = erasureOf([said, sold], [], 1, { tenantId: tenantA, receivedAt });
    const receiptId = fromBinary(EventSchema, erasure[0]?.body ?? new Uint8Array()).payload;
    pending = {
      receiptId: receiptId.case === 'erasure' ? receiptId.value.receiptId : '',
      tenantId: tenantA,
      partition,
      logOffset: 3n,
      memberIds: [erased],
      isLogEmptied: false,
    };
    log.append([said, sold]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(confirmed).toEqual([]);

    log.append(erasure);
    await expect.poll(() => confirmed.length, { timeout: 10_000 }).toBe(2);
    expect(confirmed.map(({ isLogEmptied }) => isLogEmptied)).toEqual([false, true]);
    for (const { erased: places } of confirmed) {
      expect(places).toEqual(
        ['conversation_facts', 'conversion_facts', 'interaction_facts', 'member_ordinals'].map((place) => ({
          place,
          rowCountBefore: 1n,
          rowCountAfter: 0n,
        })),
      );
    }
    const window = {
      case: 'range' as const,
      value: {
        start: timestampFromDate(new Date(receivedAt.getTime() - 60_000)),
        end: timestampFromDate(new Date(receivedAt.getTime() + 60_000)),
      },
    };
    expect((await a.getKpis({ window: { window } })).engagement?.totalInteractions?.value).toBe(0);
  },
);
