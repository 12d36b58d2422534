import {
  addConversations,
  changeConversations,
  findConversations,
  findDue,
  findPredecessors,
  findReturns,
  postponeConversations,
  removeConversations,
} from '../storage/conversation-store.ts';
import type { Neighbour, Returns, ThreadStretch } from '../storage/conversation-store.ts';
import type { RowScope } from '../storage/fact-store.ts';
import type { ConversationFact } from './conversation-fact.ts';
import type { AddConversation } from './conversation-history.ts';
import { passTime, replaceConversation } from './conversation-history.ts';
import type { ConversationRules } from './conversation-rules.ts';
import type { ConversationTouch, SignalTouch } from './conversation-touch.ts';
import { factKey } from './fact-key.ts';
import { foldConversations } from './fold-conversations.ts';
import type { ChangedConversation } from './fold-conversations.ts';
import type { Thread } from './thread.ts';

export interface KeepOptions {
  readonly rules: ConversationRules;
  /** On which the events were received that bring the touches, in days since 1970. */
  readonly day: number;
  /** Up to when time has passed, in milliseconds since 1970. */
  readonly now: number;
  readonly add: AddConversation;
  /** What came of conversations with an id before their first interaction. */
  readonly findWaiting: (threads: readonly Thread[]) => Promise<readonly SignalTouch[]>;
}

/**
 * Takes touches of one day into the stored conversations. What changes is deleted first: what is left of a member's
 * conversations then says what came next to each, but for those that are in hand.
 */
export async function keepConversations(
  scope: RowScope,
  touches: readonly ConversationTouch[],
  { rules, day, now, add, findWaiting }: KeepOptions,
): Promise<void> {
  if (touches.length === 0) return;
  const stored = await findConversations(scope, stretchesOf(touches, rules));
  const waiting = await findWaiting(newThreads(stored, touches));
  const changed = foldConversations(stored, [...touches, ...waiting], rules);
  await removeConversations(
    scope,
    changed.flatMap(({ origins }) => origins),
  );
  const linked = await linkMembers(scope, changed);
  const replace = ({ origins, fact }: ChangedConversation) =>
    replaceConversation(origins, fact, { day, now }, add);
  await addConversations(scope, linked.changed.map(replace));
  await changeConversations(scope, linked.before.map(replace));
}

/** Conversations that are aged at a time. */
const dueAtOnce = 2_000;

/** Lets time pass for all stored conversations. */
export async function passTimeForAll(scope: RowScope, now: number, add: AddConversation): Promise<void> {
  for (;;) {
    const due = await findDue(scope, new Date(now), dueAtOnce);
    await postponeConversations(
      scope,
      due.map((fact) => passTime(fact, now, add)),
    );
    if (due.length < dueAtOnce) return;
  }
}

/** Before and after every time at which an event may have occurred. */
export const always = { from: Date.parse('1900-01-01T00:00:00Z'), to: Date.parse('2250-01-01T00:00:00Z') };

/** Where the touched conversations are; each place once. */
function stretchesOf(
  touches: readonly ConversationTouch[],
  rules: ConversationRules,
): readonly ThreadStretch[] {
  const stretches = new Map<string, ThreadStretch>();
  for (const touch of touches) {
    const { tenantId, threadKey, place, conversationId } = touch.thread;
    if (conversationId !== '' || touch.occurredAt === undefined) {
      stretches.set(place, { tenantId, threadKey, ...always });
      continue;
    }
    const from = touch.occurredAt.getTime();
    const reach =
      touch.kind === 'interaction'
        ? from + rules.gapMs({ tenantId, botId: touch.botId, occurredAt: touch.occurredAt })
        : from;
    const key = `${place} ${from}`;
    const known = stretches.get(key);
    stretches.set(key, { tenantId, threadKey, from, to: Math.max(reach, known?.to ?? reach) });
  }
  return [...stretches.values()];
}

/** Conversations with an id that begin with these touches. */
function newThreads(
  stored: readonly ConversationFact[],
  touches: readonly ConversationTouch[],
): readonly Thread[] {
  const known = new Set(stored.map(({ tenantId, threadKey }) => factKey(tenantId, threadKey)));
  const threads = new Map<string, Thread>();
  for (const { kind, thread } of touches) {
    const isNew = kind === 'interaction' && thread.conversationId !== '' && !known.has(thread.place);
    if (isNew) threads.set(thread.place, thread);
  }
  return [...threads.values()];
}

interface Linked {
  readonly changed: readonly ChangedConversation[];
  /** Stored ones after which something else comes now. */
  readonly before: readonly ChangedConversation[];
}

const weekMs = 7 * 86_400_000;

/** Says of each of these conversations, and of those before them, what their members began next. */
async function linkMembers(scope: RowScope, changed: readonly ChangedConversation[]): Promise<Linked> {
  const starts = createStarts(changed.map(({ fact }) => fact));
  const later = ({ tenantId, memberOrdinal, intent, lastAt }: ConversationFact, stored: Returns): Returns => {
    if (memberOrdinal === null) return { nextAt: null, nextSameAt: null };
    const inHand = starts.after(tenantId, memberOrdinal, lastAt.getTime(), intent);
    return {
      nextAt: earliest(stored.nextAt, inHand.nextAt),
      nextSameAt: earliest(stored.nextSameAt, inHand.nextSameAt),
    };
  };
  const known = changed.filter(({ fact }) => fact.memberOrdinal !== null);
  const returns = await findReturns(
    scope,
    known.flatMap(({ fact }) => neighbour(fact, fact.lastAt)),
  );
  const returnsOf = new Map(known.map((one, index) => [one, returns[index] ?? never]));
  const predecessors = await findPredecessors(scope, movedStarts(changed));
  return {
    changed: changed.map((one) => ({
      origins: one.origins,
      fact: { ...one.fact, ...later(one.fact, returnsOf.get(one) ?? never) },
    })),
    before: predecessors.flatMap(({ seenAt, seenSameAt, ...origin }) => {
      const { nextAt, nextSameAt } = later(origin, { nextAt: seenAt, nextSameAt: seenSameAt });
      const isAsBefore = isSame(nextAt, origin.nextAt) && isSame(nextSameAt, origin.nextSameAt);
      return isAsBefore ? [] : [{ origins: [origin], fact: { ...origin, nextAt, nextSameAt } }];
    }),
  };
}

const never: Returns = { nextAt: null, nextSameAt: null };

function neighbour({ tenantId, memberOrdinal, intent }: ConversationFact, at: Date): readonly Neighbour[] {
  return memberOrdinal === null ? [] : [{ tenantId, memberOrdinal, intent, at: at.getTime() }];
}

/** The beginnings that are there now and were not, or were and are no more; each once. */
function movedStarts(changed: readonly ChangedConversation[]): readonly Neighbour[] {
  const moved = new Map<string, Neighbour>();
  for (const { origins, fact } of changed) {
    const before = new Map(origins.flatMap((one) => keyed(neighbour(one, one.startedAt))));
    const after = new Map(keyed(neighbour(fact, fact.startedAt)));
    for (const [key, one] of before) if (!after.has(key)) moved.set(key, one);
    for (const [key, one] of after) if (!before.has(key)) moved.set(key, one);
  }
  return [...moved.values()];
}

function keyed(neighbours: readonly Neighbour[]): readonly (readonly [string, Neighbour])[] {
  return neighbours.map((one) => [`${one.tenantId} ${one.memberOrdinal} ${one.at} ${one.intent}`, one]);
}

/** When members begin the conversations that are in hand. */
function createStarts(facts: readonly ConversationFact[]) {
  const byMember = new Map<string, { readonly at: number; readonly intent: string }[]>();
  for (const { tenantId, memberOrdinal, startedAt, intent } of facts) {
    if (memberOrdinal === null) continue;
    const key = `${tenantId} ${memberOrdinal}`;
    const starts = byMember.get(key) ?? [];
    starts.push({ at: startedAt.getTime(), intent });
    byMember.set(key, starts);
  }
  for (const starts of byMember.values()) starts.sort((one, other) => one.at - other.at);
  return {
    /** The first ones within 7 days after an instant. */
    after(tenantId: string, memberOrdinal: number, last: number, intent: string): Returns {
      const starts = byMember.get(`${tenantId} ${memberOrdinal}`) ?? [];
      let from = 0;
      for (let to = starts.length; from < to;) {
        const middle = (from + to) >> 1;
        if ((starts[middle]?.at ?? Infinity) > last) to = middle;
        else from = middle + 1;
      }
      let nextAt: Date | null = null;
      for (let index = from; index < starts.length; index += 1) {
        const start = starts[index];
        if (start === undefined || start.at > last + weekMs) break;
        nextAt ??= new Date(start.at);
        if (start.intent === intent) return { nextAt, nextSameAt: new Date(start.at) };
      }
      return { nextAt, nextSameAt: null };
    },
  };
}

function earliest(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

function isSame(one: Date | null, other: Date | null): boolean {
  return one?.getTime() === other?.getTime();
}
