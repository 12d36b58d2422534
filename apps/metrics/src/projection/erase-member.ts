import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { bucketLengths } from '@parley/calendar';
import { eventKinds, unpackEventKeys } from '@parley/event';
import type { EventKeys, LogEvent } from '@parley/event';
import { noteErased } from '../storage/erased-counts.ts';
import type { FactKey, FactStore, RowScope } from '../storage/fact-store.ts';
import { addToLatencyRollups, deleteEmptyLatencies } from '../storage/latency-store.ts';
import { findConversionsNaming } from '../storage/member-conversions.sql.ts';
import { findInteractionsOf } from '../storage/member-interactions.sql.ts';
import { deleteOrdinals, findOrdinals } from '../storage/member-ordinals.ts';
import { removeFromMemberSets } from '../storage/member-set-store.ts';
import { addToPayerSets, findPayments, removeFromPayerSets } from '../storage/payer-set-store.ts';
import type { Payment } from '../storage/payer-set-store.ts';
import { deleteMembers, deleteUsers } from '../storage/people-store.ts';
import { addToRevenueRollups, deleteEmptyRevenue } from '../storage/revenue-store.ts';
import { kpiRollups } from '../storage/rollup-store.ts';
import { negated } from './amounts.ts';
import { createBucketSums } from './bucket-sums.ts';
import type { BucketSums, Contribution } from './bucket-sums.ts';
import { rollUpLatencies, rollUpMembers, rollUpPayers, rollUpRevenue, rollUpStates } from './cell.ts';
import { conversionPart, feedbackPart, interactionPart, refundPart } from './contributions.ts';
import { retellConversations, takeOutConversations } from './erase-conversations.ts';
import type { ConversationErasure, FactStores } from './erase-conversations.ts';
import type { InteractionFact } from './facts.ts';
import { factKey } from './fact-key.ts';
import { datedContributions, dayOf } from './history.ts';
import type { History } from './history.ts';
import type { Seals } from './seals.ts';
import type { Thread } from './thread.ts';
import { threadOf } from './thread.ts';

/** A part of an erasure, as the log says it. */
export interface ErasureEvent {
  readonly tenantId: string;
  readonly receivedAt: Date;
  readonly receiptId: string;
  readonly part: number;
  readonly memberIds: readonly string[];
  readonly userIds: readonly string[];
  readonly events: EventKeys;
}

/** Undefined for one that is complete: it names nobody any more, and what it took away has no body. */
export function parseErasure({ tenantId, receivedAt, body }: LogEvent): ErasureEvent | undefined {
  if (body === undefined) return undefined;
  const { payload } = fromBinary(EventSchema, body, { readUnknownFields: false });
  if (payload.case !== 'erasure') throw new Error(`An erasure's body says ${payload.case ?? 'nothing'}.`);
  const { receiptId, memberId, memberAliases, userIds, part } = payload.value;
  if (memberId === '') return undefined;
  return {
    tenantId,
    receivedAt,
    receiptId,
    part,
    memberIds: [memberId, ...memberAliases],
    userIds,
    events: unpackEventKeys(payload.value),
  };
}

/** Facts held at a time. */
const factsAtOnce = 2_000;

/**
 * Takes everything out that the erased events have put in, in the buckets and under the days in which they did, so that
 * what is left is what would be there without them. The member's ordinal is not given again.
 * @param conversations undefined where they are copies, from which the member has been taken out already.
 */
export async function eraseMember(
  scope: RowScope & { readonly seals: Seals },
  erasure: ErasureEvent,
  stores: FactStores,
  conversations: ConversationErasure | undefined,
): Promise<void> {
  const { tx, partition } = scope;
  const { tenantId, events, memberIds, userIds } = erasure;
  const members = memberIds.map((memberId) => ({ tenantId, memberId, place: factKey(tenantId, memberId) }));
  const known = new Map<string, number>();
  await findOrdinals(tx, partition, members, known);
  const ordinals = new Set(known.values());
  const unnamed = await findUnnamed(scope, erasure, [...ordinals], stores);
  const keysOf = (kind: number): readonly FactKey[] =>
    [...new Set([...(events.get(kind) ?? []), ...(unnamed.get(kind) ?? [])])].map((key) => ({
      tenantId,
      key,
    }));

  const threads = await touchedThreads(scope, stores, {
    interactions: keysOf(eventKinds.interaction),
    conversions: keysOf(eventKinds.conversion),
    feedback: keysOf(eventKinds.feedback),
    handoffs: keysOf(eventKinds.handoff),
  });
  const taken =
    conversations === undefined
      ? []
      : await takeOutConversations(scope, tenantId, threads, conversations.add);

  const takeInteraction = (sums: BucketSums, fact: InteractionFact): void => {
    take(sums, fact, interactionPart(fact), erasure.receivedAt);
    const { occurredAt, botId, knownOn, memberOrdinal } = fact;
    if (memberOrdinal === null || occurredAt === null) return;
    ordinals.add(memberOrdinal);
    sums.join({ tenantId, occurredAt, botId }, memberOrdinal, knownOn ?? dayOf(erasure.receivedAt));
  };
  const counts = new Map([
    [
      'interaction_facts',
      await takeOut(scope, stores.interactions, keysOf(eventKinds.interaction), takeInteraction),
    ],
    [
      'conversion_facts',
      await takeOut(scope, stores.conversions, keysOf(eventKinds.conversion), (sums, fact) => {
        take(sums, fact, conversionPart(fact), erasure.receivedAt);
        unpay(sums, fact);
      }),
    ],
    [
      'refund_facts',
      await takeOut(scope, stores.refunds, keysOf(eventKinds.refund), (sums, fact) =>
        take(sums, fact, refundPart(fact), erasure.receivedAt),
      ),
    ],
    [
      'feedback_facts',
      await takeOut(scope, stores.feedback, keysOf(eventKinds.feedback), (sums, fact) =>
        take(sums, fact, feedbackPart(fact), erasure.receivedAt),
      ),
    ],
  ]);
  const handoffKeys = keysOf(eventKinds.handoff);
  counts.set('handoff_facts', (await stores.handoffs.find(scope, handoffKeys)).length);
  await stores.handoffs.remove(scope, handoffKeys);
  if (conversations !== undefined) {
    const gone = await retellConversations(scope, tenantId, taken, stores, conversations);
    counts.set('conversation_facts', gone);
  }
  const records = events.get(eventKinds.member) ?? [];
  counts.set('member_facts', await deleteMembers(scope, tenantId, [...ordinals], records));
  counts.set('user_facts', await deleteUsers(scope, tenantId, userIds));
  counts.set('member_ordinals', await deleteOrdinals(tx, partition, tenantId, memberIds));
  await noteErased(tx, { partition, ...erasure }, counts);
}

/** No tenant keeps its events for less. */
const leastRetentionDays = 30;

/**
 * The keys of a member's facts that its erasure can't name, since nothing else is left of the events: those of its
 * interactions, of what is about them, and of the conversions that name it.
 */
async function findUnnamed(
  scope: RowScope,
  { tenantId, receivedAt }: ErasureEvent,
  ordinals: readonly number[],
  { conversions, refunds, feedback, handoffs }: FactStores,
): Promise<ReadonlyMap<number, readonly string[]>> {
  const before = new Date(receivedAt.getTime() - (leastRetentionDays - 1) * bucketLengths.day);
  const interactions = await findInteractionsOf(scope, tenantId, ordinals, before);
  const keys = interactions.map((key) => ({ tenantId, key }));
  const linked = await conversions.find(scope, keys, 'interaction_key');
  const sold = [
    ...linked.map(({ conversionKey }) => conversionKey),
    ...(await findConversionsNaming(scope, tenantId, ordinals, before)),
  ];
  const ofConversions = sold.map((key) => ({ tenantId, key }));
  return new Map([
    [eventKinds.interaction, interactions],
    [eventKinds.conversion, sold],
    [
      eventKinds.refund,
      (await refunds.find(scope, ofConversions, 'conversion_key')).map(({ refundKey }) => refundKey),
    ],
    [
      eventKinds.feedback,
      (await feedback.find(scope, keys, 'interaction_key')).map(({ feedbackKey }) => feedbackKey),
    ],
    [
      eventKinds.handoff,
      (await handoffs.find(scope, keys, 'interaction_key')).map(({ handoffKey }) => handoffKey),
    ],
  ]);
}

/** Deletes facts and what they have put into buckets; how many there were. */
async function takeOut<Fact>(
  scope: RowScope & { readonly seals: Seals },
  store: FactStore<Fact>,
  keys: readonly FactKey[],
  takeOne: (sums: BucketSums, fact: Fact) => void,
): Promise<number> {
  let count = 0;
  for (let start = 0; start < keys.length; start += factsAtOnce) {
    const some = keys.slice(start, start + factsAtOnce);
    const sums = createBucketSums(scope.seals.isSealed);
    const facts = await store.find(scope, some);
    for (const fact of facts) takeOne(sums, fact);
    count += facts.length;
    await store.remove(scope, some);
    const states = rollUpStates(sums.states());
    await kpiRollups.add(scope, states);
    await kpiRollups.deleteEmpty(scope, states);
    const latencies = rollUpLatencies(sums.latencies());
    await addToLatencyRollups(scope, latencies);
    await deleteEmptyLatencies(scope, latencies);
    const revenue = rollUpRevenue(sums.revenue());
    await addToRevenueRollups(scope, revenue);
    await deleteEmptyRevenue(scope, revenue);
    await removeFromMemberSets(scope, rollUpMembers(sums.memberships()));
    await takePayersOut(scope, sums);
  }
  return count;
}

function take(sums: BucketSums, fact: History, now: Contribution | undefined, receivedAt: Date): void {
  if (now === undefined) return;
  for (const { knownOn, tenantId, occurredAt, botId, ...amounts } of datedContributions(
    fact,
    now,
    dayOf(receivedAt),
  )) {
    sums.add({ tenantId, occurredAt, botId }, negated(amounts), knownOn);
  }
}

/** A conversion's member counted as one who paid under the days on which that was known. */
function unpay(sums: BucketSums, fact: Payment): void {
  const { paidOn, botPaidOn, currencyCode, memberOrdinal } = fact;
  if (memberOrdinal === null) return;
  if (paidOn !== null) sums.pay({ ...fact, botId: '' }, currencyCode, memberOrdinal, paidOn);
  if (botPaidOn !== null) sums.pay(fact, currencyCode, memberOrdinal, botPaidOn);
}

/** Takes out who paid, but for those who paid there with another conversion too, which another member may have led to. */
async function takePayersOut(scope: RowScope, sums: BucketSums): Promise<void> {
  const gone = rollUpPayers(sums.payers());
  if (gone.length === 0) return;
  await removeFromPayerSets(scope, gone);
  const left = createBucketSums();
  for (const payment of await findPayments(scope, gone)) unpay(left, payment);
  await addToPayerSets(scope, rollUpPayers(left.payers()));
}

/** The threads of what is erased, and of what erased events are about. */
async function touchedThreads(
  scope: RowScope,
  stores: FactStores,
  keys: Readonly<Record<Exclude<keyof FactStores, 'refunds'>, readonly FactKey[]>>,
): Promise<readonly Thread[]> {
  const threads = new Map<string, Thread>();
  const ofInteractions = async (some: readonly FactKey[]): Promise<void> => {
    for (const fact of await stores.interactions.find(scope, some)) {
      const thread = threadOf(fact);
      if (thread !== undefined) threads.set(thread.place, thread);
    }
  };
  const about = (
    facts: readonly {
      readonly tenantId: string;
      readonly interactionKey: string | null;
      readonly threadKey?: string | null;
    }[],
  ): Promise<void> => {
    for (const { tenantId, threadKey = null } of facts) {
      if (threadKey === null) continue;
      const place = factKey(tenantId, threadKey);
      threads.set(place, { tenantId, threadKey, place, conversationId: '' });
    }
    return ofInteractions(
      facts.flatMap(({ tenantId, interactionKey: key }) => (key === null ? [] : [{ tenantId, key }])),
    );
  };
  for (const some of inParts(keys.interactions)) await ofInteractions(some);
  for (const some of inParts(keys.conversions)) await about(await stores.conversions.find(scope, some));
  for (const some of inParts(keys.feedback)) await about(await stores.feedback.find(scope, some));
  for (const some of inParts(keys.handoffs)) await about(await stores.handoffs.find(scope, some));
  return [...threads.values()];
}

function inParts(keys: readonly FactKey[]): readonly (readonly FactKey[])[] {
  const count = Math.ceil(keys.length / factsAtOnce);
  return Array.from({ length: count }, (_, n) => keys.slice(n * factsAtOnce, (n + 1) * factsAtOnce));
}
