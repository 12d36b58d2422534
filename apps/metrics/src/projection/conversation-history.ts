import { bucketLengths } from '@parley/calendar';
import { conversationCounters, emptyConversationState, subtractConversationStates } from '@parley/kpi';
import type { ConversationCounter, ConversationState } from '@parley/kpi';
import type { Place } from './bucket-sums.ts';
import { startOf } from './cell.ts';
import { ageTo, stageOf, stages, stageTimes, stateOf } from './conversation-fact.ts';
import type { ConversationFact } from './conversation-fact.ts';

/** What a conversation added somewhere under a day. */
export interface DatedConversation extends Place {
  readonly knownOn: number;
  readonly state: ConversationState;
}

/** Where and when it counts. */
export type AddConversation = (part: DatedConversation) => void;

/** What it added under each day; together it is what it counts as now. */
export function datedConversation(fact: ConversationFact): readonly DatedConversation[] {
  return [...asAlways(fact, fact.knownOn), ...parse(fact)];
}

/**
 * What it would have added if it had been as it is since a day: what time changes about it counts from the day of its
 * instant on, or from that day on where that is later.
 */
function asAlways(fact: ConversationFact, since: number): readonly DatedConversation[] {
  const { tenantId, startedAt: occurredAt, botId } = fact;
  const times = stageTimes(fact);
  const parts: DatedConversation[] = [];
  let before = emptyConversationState;
  for (const stage of stages.slice(0, stageOf(fact) + 1)) {
    const state = stateOf(fact, stage);
    const knownOn = stage === 0 ? since : Math.max(since, dayAt(times[stage - 1] ?? 0));
    parts.push({ tenantId, occurredAt, botId, knownOn, state: subtractConversationStates(state, before) });
    before = state;
  }
  return parts;
}

/** Lets time pass up to an instant: what becomes due counts from the day of its instant on. */
export function passTime(fact: ConversationFact, to: number, add: AddConversation): ConversationFact {
  if (fact.dueAt === null || fact.dueAt.getTime() > to) return fact;
  const { tenantId, startedAt: occurredAt, botId } = fact;
  const aged = ageTo(fact, to);
  const times = stageTimes(fact);
  let before = stateOf(fact, stageOf(fact));
  for (const stage of stages.slice(stageOf(fact) + 1, stageOf(aged) + 1)) {
    const state = stateOf(fact, stage);
    const knownOn = dayAt(times[stage - 1] ?? 0);
    add({ tenantId, occurredAt, botId, knownOn, state: subtractConversationStates(state, before) });
    before = state;
  }
  return aged;
}

/**
 * Puts a conversation in the place of those that it was made from, under the day of the events that changed them, when
 * time had passed up to an instant. What of them was known later than that, which only an event can bring about that is
 * taken long after it came, is taken back where it was booked.
 */
export function replaceConversation(
  origins: readonly ConversationFact[],
  after: ConversationFact,
  { day, now }: { readonly day: number; readonly now: number },
  add: AddConversation,
): ConversationFact {
  const aged = ageTo(after, now);
  const settled = origins.map((origin) => passTime(origin, day * bucketLengths.day, add));
  if (settled.every(({ knownOn, later }) => knownOn === day && later === null) && now < endOf(day)) {
    for (const origin of settled) {
      add({ ...placeOf(origin), knownOn: day, state: negative(stateOf(origin, stageOf(origin))) });
    }
    add({ ...placeOf(aged), knownOn: day, state: stateOf(aged, stageOf(aged)) });
    return { ...aged, knownOn: day, later: null };
  }
  const booked: DatedConversation[] = [];
  const book = (part: DatedConversation): void => {
    booked.push(part);
    add(part);
  };
  for (const part of settled.flatMap(datedConversation)) {
    booked.push(part);
    book({ ...part, knownOn: Math.max(part.knownOn, day), state: negative(part.state) });
  }
  for (const part of asAlways(aged, day)) book(part);
  const knownOn = Math.min(day, ...settled.map((origin) => origin.knownOn));
  const always = asAlways(aged, knownOn).map((part) => ({ ...part, state: negative(part.state) }));
  return { ...aged, knownOn, later: format([...booked, ...always]) };
}

function placeOf({ tenantId, startedAt: occurredAt, botId }: ConversationFact): Place {
  return { tenantId, occurredAt, botId };
}

function negative(state: ConversationState): ConversationState {
  return subtractConversationStates(emptyConversationState, state);
}

function dayAt(time: number): number {
  return Math.floor(time / bucketLengths.day);
}

function endOf(day: number): number {
  return (day + 1) * bucketLengths.day;
}

/** What was added under a day to the quarter of an hour that begins at `start`. */
interface Change {
  readonly day: number;
  readonly start: number;
  readonly botId: string;
  readonly state: Partial<Record<ConversationCounter, number>>;
}

function parse({ tenantId, later }: ConversationFact): readonly DatedConversation[] {
  if (later === null) return [];
  return (JSON.parse(later) as readonly Change[]).map(({ day, start, botId, state }) => ({
    tenantId,
    occurredAt: new Date(start),
    botId,
    knownOn: day,
    state: { ...emptyConversationState, ...state },
  }));
}

/** One form for the same parts, in whichever order they came: one for each day and bucket, without what is 0. */
function format(parts: readonly DatedConversation[]): string | null {
  const merged = new Map<
    string,
    { readonly change: Omit<Change, 'state'>; readonly sums: Map<string, number> }
  >();
  for (const { knownOn: day, occurredAt, botId, state } of parts) {
    const start = startOf('quarter', occurredAt.getTime());
    const key = JSON.stringify([day, start, botId]);
    const entry = merged.get(key) ?? { change: { day, start, botId }, sums: new Map<string, number>() };
    merged.set(key, entry);
    for (const counter of conversationCounters) {
      if (state[counter] !== 0) entry.sums.set(counter, (entry.sums.get(counter) ?? 0) + state[counter]);
    }
  }
  const changes = [...merged]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, { change, sums }]) => ({
      ...change,
      state: Object.fromEntries(
        conversationCounters.flatMap((counter) => {
          const sum = sums.get(counter) ?? 0;
          return sum === 0 ? [] : [[counter, sum] as const];
        }),
      ),
    }))
    .filter(({ state }) => Object.keys(state).length > 0);
  return changes.length === 0 ? null : JSON.stringify(changes);
}
