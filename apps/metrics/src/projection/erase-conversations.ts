import { emptyConversationState, subtractConversationStates } from '@parley/kpi';
import {
  findConversations,
  findConversationsOfMembers,
  findSharedConversations,
  removeConversations,
} from '../storage/conversation-store.ts';
import type { FactKey, FactStore, RowScope } from '../storage/fact-store.ts';
import { findInteractionsOf } from '../storage/interactions-of-conversations.ts';
import type { ConversationFact } from './conversation-fact.ts';
import type { AddConversation } from './conversation-history.ts';
import { datedConversation } from './conversation-history.ts';
import type { ConversationRules } from './conversation-rules.ts';
import type { ConversationTouch, Signal } from './conversation-touch.ts';
import { factKey } from './fact-key.ts';
import type { ConversionFact, FeedbackFact, HandoffFact, InteractionFact, RefundFact } from './facts.ts';
import { membersOf } from './fold-conversations.ts';
import { intentsOf } from './intent-history.ts';
import { always, keepConversations, passTimeForAll } from './keep-conversations.ts';
import { conversionSignal, feedbackSignal } from './signals.ts';
import type { Thread } from './thread.ts';
import { threadOf } from './thread.ts';

export interface ConversationErasure {
  readonly rules: ConversationRules;
  /** Up to when time has passed, in milliseconds since 1970. */
  readonly now: number;
  readonly add: AddConversation;
}

export interface FactStores {
  readonly interactions: FactStore<InteractionFact>;
  readonly conversions: FactStore<ConversionFact>;
  readonly feedback: FactStore<FeedbackFact>;
  readonly handoffs: FactStore<HandoffFact>;
  readonly refunds: FactStore<RefundFact>;
}

/**
 * Takes conversations out, of every day, that an erasure touches, and those that need be told anew with them: whose members
 * share one with somebody whom the erasure concerns, over any number of steps. What came next to a conversation depends on
 * the others of its members alone, so nothing else changes.
 */
export async function takeOutConversations(
  scope: RowScope,
  tenantId: string,
  threads: readonly Thread[],
  add: AddConversation,
): Promise<readonly ConversationFact[]> {
  const touched = await findConversations(
    scope,
    threads.map(({ threadKey }) => ({ tenantId, threadKey, ...always })),
  );
  if (touched.length === 0) return [];
  const shared = await findSharedConversations(scope, tenantId);
  const members = new Set(touched.flatMap(membersOf));
  for (let size = -1; size < members.size;) {
    size = members.size;
    for (const fact of shared) {
      const others = membersOf(fact);
      if (others.some((ordinal) => members.has(ordinal))) for (const ordinal of others) members.add(ordinal);
    }
  }
  const connected = shared.filter((fact) => membersOf(fact).some((ordinal) => members.has(ordinal)));
  const own = await findConversationsOfMembers(scope, tenantId, [...members]);
  const facts = [...new Map([...touched, ...connected, ...own].map((fact) => [rowKey(fact), fact])).values()];
  for (const part of facts.flatMap(datedConversation)) {
    add({ ...part, state: subtractConversationStates(emptyConversationState, part.state) });
  }
  await removeConversations(scope, facts);
  return facts;
}

/**
 * Tells conversations anew that were taken out, from the facts that are left, as they were known on each day.
 * @returns how many are gone for good.
 */
export async function retellConversations(
  scope: RowScope,
  tenantId: string,
  taken: readonly ConversationFact[],
  stores: FactStores,
  { rules, now, add }: ConversationErasure,
): Promise<number> {
  const interactions = await findInteractionsOf(scope, tenantId, taken);
  const days = await touchesByDay(scope, tenantId, interactions, stores);
  const nothingWaits = () => Promise.resolve([]);
  for (const [day, touches] of [...days].sort(([one], [other]) => one - other)) {
    // What became due later that day counts from that day on, too: it is booked when all is told.
    await keepConversations(scope, touches, { rules, day, now: day * dayMs, add, findWaiting: nothingWaits });
  }
  await passTimeForAll(scope, now, add);
  const left = new Map<string, number[]>();
  for (const { thread, occurredAt } of interactions.flatMap(threaded)) {
    left.set(thread.place, [...(left.get(thread.place) ?? []), occurredAt.getTime()]);
  }
  return taken.filter(({ threadKey, startedAt, lastAt }) => {
    const times = left.get(factKey(tenantId, threadKey)) ?? [];
    return !times.some((time) => time >= startedAt.getTime() && time <= lastAt.getTime());
  }).length;
}

const dayMs = 86_400_000;

interface Threaded {
  readonly fact: InteractionFact;
  readonly thread: Thread;
  readonly occurredAt: Date;
}

function threaded(fact: InteractionFact): readonly Threaded[] {
  const thread = threadOf(fact);
  return thread === undefined || fact.occurredAt === null
    ? []
    : [{ fact, thread, occurredAt: fact.occurredAt }];
}

/** What interactions and what came of them did to their conversations, by the days on which it was known. */
async function touchesByDay(
  scope: RowScope,
  tenantId: string,
  interactions: readonly InteractionFact[],
  { conversions, feedback, handoffs }: FactStores,
): Promise<ReadonlyMap<number, readonly ConversationTouch[]>> {
  const days = new Map<number, ConversationTouch[]>();
  const put = (day: number, touch: ConversationTouch): void => {
    const touches = days.get(day);
    if (touches === undefined) days.set(day, [touch]);
    else touches.push(touch);
  };
  const begun = new Map<string, { readonly thread: Thread; readonly day: number }>();
  const byKey = new Map<string, Threaded>();
  for (const one of interactions.flatMap(threaded)) {
    const { fact, thread, occurredAt } = one;
    const { interactionKey: key, botId, groupId, channel, memberOrdinal } = fact;
    const [first, ...later] = intentsOf(fact);
    const [day, intent] = first ?? [0, fact.intent];
    put(day, {
      kind: 'interaction',
      thread,
      key,
      occurredAt,
      botId,
      groupId,
      channel,
      intent,
      memberOrdinal,
    });
    let from = intent;
    for (const [since, to] of later) {
      put(since, { kind: 'intent', thread, key, occurredAt, botId, from, to });
      from = to;
    }
    byKey.set(key, one);
    const known = begun.get(thread.place);
    if (known === undefined || day < known.day) begun.set(thread.place, { thread, day });
  }

  const ofInteraction = (key: string | null, knownOn: number | null, signal: Signal | undefined): void => {
    const one = key === null ? undefined : byKey.get(key);
    if (one === undefined || signal === undefined) return;
    const { fact, thread, occurredAt } = one;
    put(Math.max(knownOn ?? 0, fact.knownOn ?? 0), { kind: 'signal', thread, occurredAt, signal });
  };
  const ofThread = (threadKey: string | null, knownOn: number | null, signal: Signal | undefined): void => {
    const one = threadKey === null ? undefined : begun.get(factKey(tenantId, threadKey));
    if (one === undefined || signal === undefined) return;
    put(Math.max(knownOn ?? 0, one.day), {
      kind: 'signal',
      thread: one.thread,
      occurredAt: undefined,
      signal,
    });
  };
  const keys: readonly FactKey[] = [...byKey.keys()].map((key) => ({ tenantId, key }));
  const threads: readonly FactKey[] = [...begun.values()]
    .filter(({ thread }) => thread.conversationId !== '')
    .map(({ thread }) => ({ tenantId, key: thread.threadKey }));
  for (const fact of await conversions.find(scope, keys, 'interaction_key')) {
    ofInteraction(fact.interactionKey, fact.knownOn, conversionSignal(fact));
  }
  for (const fact of await feedback.find(scope, keys, 'interaction_key')) {
    if (fact.threadKey === null) ofInteraction(fact.interactionKey, fact.knownOn, feedbackSignal(fact));
  }
  for (const fact of await feedback.find(scope, threads, 'thread_key')) {
    ofThread(fact.threadKey, fact.knownOn, feedbackSignal(fact));
  }
  for (const fact of await handoffs.find(scope, keys, 'interaction_key')) {
    ofInteraction(fact.interactionKey, fact.knownOn, 'handoffCount');
  }
  for (const fact of await handoffs.find(scope, threads, 'thread_key')) {
    ofThread(fact.threadKey, fact.knownOn, 'handoffCount');
  }
  return days;
}

function rowKey({ threadKey, startedAt }: ConversationFact): string {
  return `${threadKey} ${startedAt.getTime()}`;
}
