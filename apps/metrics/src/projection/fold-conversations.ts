import type { ConversationFact } from './conversation-fact.ts';
import type { ConversationRules, Occurrence } from './conversation-rules.ts';
import type { ConversationTouch, InteractionTouch, IntentTouch } from './conversation-touch.ts';
import { factKey } from './fact-key.ts';
import type { Thread } from './thread.ts';

/** A conversation as it is now, and the stored ones of which it was made. */
export interface ChangedConversation {
  readonly origins: readonly ConversationFact[];
  readonly fact: ConversationFact;
}

interface Entry {
  fact: ConversationFact;
  origins: readonly ConversationFact[];
  isChanged: boolean;
}

/**
 * Takes touches into conversations. An interaction joins those of its thread that its inactivity gap, or theirs, reaches;
 * so a late one may join two. What comes of a conversation that is not there yet waits among the facts.
 * @param stored every conversation of a touched thread that an interaction may reach or in which something came about.
 */
export function foldConversations(
  stored: readonly ConversationFact[],
  touches: readonly ConversationTouch[],
  rules: ConversationRules,
): readonly ChangedConversation[] {
  const threads = new Map<string, Entry[]>();
  for (const fact of stored) {
    const entry: Entry = { fact, origins: [fact], isChanged: false };
    const place = factKey(fact.tenantId, fact.threadKey);
    const entries = threads.get(place);
    if (entries === undefined) threads.set(place, [entry]);
    else entries.push(entry);
  }

  const join = (touch: InteractionTouch): void => {
    const { place, conversationId } = touch.thread;
    let joined: Entry = { fact: begin(touch, rules), origins: [], isChanged: true };
    const { startedAt, endsAt } = joined.fact;
    const apart: Entry[] = [];
    for (const entry of threads.get(place) ?? []) {
      const isReached = entry.fact.startedAt <= endsAt && startedAt <= entry.fact.endsAt;
      if (conversationId !== '' || isReached) {
        const origins = [...entry.origins, ...joined.origins];
        joined = { fact: unite(entry.fact, joined.fact), origins, isChanged: true };
      } else {
        apart.push(entry);
      }
    }
    threads.set(place, [...apart, joined]);
  };
  const find = ({ place, conversationId }: Thread, at: Date | undefined): Entry | undefined =>
    threads
      .get(place)
      ?.find(
        ({ fact }) =>
          conversationId !== '' || (at !== undefined && fact.startedAt <= at && at <= fact.lastAt),
      );
  const change = (entry: Entry | undefined, to: (fact: ConversationFact) => ConversationFact): void => {
    if (entry === undefined) return;
    entry.fact = to(entry.fact);
    entry.isChanged = true;
  };

  for (const touch of touches) if (touch.kind === 'interaction') join(touch);
  for (const touch of touches) {
    if (touch.kind === 'intent') {
      change(find(touch.thread, touch.occurredAt), (fact) => withIntent(fact, touch, rules));
    } else if (touch.kind === 'signal') {
      const { signal } = touch;
      change(find(touch.thread, touch.occurredAt), (fact) => ({ ...fact, [signal]: fact[signal] + 1 }));
    }
  }
  return [...threads.values()].flat().filter(({ isChanged }) => isChanged);
}

/** A conversation of one interaction. */
function begin(touch: InteractionTouch, rules: ConversationRules): ConversationFact {
  const { thread, key, occurredAt, botId, groupId, channel, intent, memberOrdinal } = touch;
  const { tenantId, threadKey, conversationId } = thread;
  const of: Occurrence = { tenantId, botId, occurredAt };
  return {
    tenantId,
    threadKey,
    conversationId,
    startedAt: occurredAt,
    firstKey: key,
    botId,
    groupId,
    channel,
    intent,
    memberOrdinal,
    members: null,
    lastAt: occurredAt,
    lastKey: key,
    endsWithFallback: intent === 'fallback',
    endsAt: new Date(occurredAt.getTime() + rules.gapMs(of)),
    interactionCount: 1,
    fallbackCount: Number(intent === 'fallback'),
    askedCount: Number(rules.isHandoff(of, intent)),
    handoffCount: 0,
    convertedCount: 0,
    visitedCount: 0,
    ratedCount: 0,
    nextAt: null,
    nextSameAt: null,
    dueAt: null,
    knownOn: 0,
    later: null,
  };
}

/** Both as one. */
function unite(a: ConversationFact, b: ConversationFact): ConversationFact {
  const first = isBefore(a.startedAt, a.firstKey, b.startedAt, b.firstKey) ? a : b;
  const last = isBefore(a.lastAt, a.lastKey, b.lastAt, b.lastKey) ? b : a;
  return {
    ...first,
    members: toMembers(first.memberOrdinal, [...membersOf(a), ...membersOf(b)]),
    lastAt: last.lastAt,
    lastKey: last.lastKey,
    endsWithFallback: last.endsWithFallback,
    endsAt: a.endsAt > b.endsAt ? a.endsAt : b.endsAt,
    interactionCount: a.interactionCount + b.interactionCount,
    fallbackCount: a.fallbackCount + b.fallbackCount,
    askedCount: a.askedCount + b.askedCount,
    handoffCount: a.handoffCount + b.handoffCount,
    convertedCount: a.convertedCount + b.convertedCount,
    visitedCount: a.visitedCount + b.visitedCount,
    ratedCount: a.ratedCount + b.ratedCount,
  };
}

/** Everybody who is known to be in a conversation. */
export function membersOf({ memberOrdinal, members }: ConversationFact): readonly number[] {
  if (members !== null) return JSON.parse(members) as readonly number[];
  return memberOrdinal === null ? [] : [memberOrdinal];
}

function toMembers(first: number | null, ordinals: readonly number[]): string | null {
  if (ordinals.every((ordinal) => ordinal === first)) return null;
  return JSON.stringify([...new Set(ordinals)].sort((a, b) => a - b));
}

function withIntent(
  fact: ConversationFact,
  { key, occurredAt, botId, from, to }: IntentTouch,
  rules: ConversationRules,
): ConversationFact {
  const of = { tenantId: fact.tenantId, botId, occurredAt };
  const { fallbackCount, askedCount } = fact;
  return {
    ...fact,
    intent: fact.firstKey === key ? to : fact.intent,
    endsWithFallback: fact.lastKey === key ? to === 'fallback' : fact.endsWithFallback,
    fallbackCount: fallbackCount + Number(to === 'fallback') - Number(from === 'fallback'),
    askedCount: askedCount + Number(rules.isHandoff(of, to)) - Number(rules.isHandoff(of, from)),
  };
}

function isBefore(at: Date, key: string, otherAt: Date, otherKey: string): boolean {
  return at.getTime() === otherAt.getTime() ? key < otherKey : at < otherAt;
}
