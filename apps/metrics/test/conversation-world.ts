import fc from 'fast-check';
import { event, tickAt } from './events.ts';
import type { NewEvent } from './events.ts';
import { cutAtRandom, shuffle } from './random-world.ts';

export const from = Date.parse('2026-03-07T00:00:00Z');
export const days = 5;
const minute = 60_000;
const day = 86_400_000;

/** Dense enough that sessions join, members come back, and what is due is due at the same instant as something else. */
const time = fc
  .tuple(fc.nat(days - 1), fc.constantFrom(0, 1, 9, 10, 23), fc.nat(12))
  .map(([days, hours, steps]) => from + days * day + hours * 60 * minute + steps * 10 * minute);
const intents = fc.constantFrom('', 'buy', 'Escalate', 'fallback', 'agent', 'help me');
const response = fc.record({
  responseText: fc.constantFrom('', 'Sure.'),
  responseTimeMs: fc.constantFrom(undefined, 0n, 300_000n, 300_001n),
});

/** What is said once, and what comes of it. */
export const turn = fc.record({
  at: time,
  bot: fc.constantFrom('sales', 'help'),
  group: fc.constantFrom('', 'shop'),
  member: fc.constantFrom('', 'ann', 'ann', 'bob', 'bob', 'cyd'),
  conversation: fc.constantFrom('', '', '', '', 'c1', 'c2'),
  intent: intents,
  response,
  isReported: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  enrichment: fc.option(intents, { nil: undefined, freq: 2 }),
  reading: fc.option(intents, { nil: undefined, freq: 2 }),
  outcomes: fc.array(fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const), { maxLength: 1 }),
  rating: fc.option(
    fc.record({
      type: fc.constantFrom(0 as const, 1 as const, 2 as const),
      rating: fc.constantFrom(undefined, 1, 5),
      conversation: fc.constantFrom('', '', 'c1', 'c2', 'never'),
    }),
    { nil: undefined },
  ),
  handoff: fc.option(fc.constantFrom('', '', 'c1', 'c2', 'never'), { nil: undefined, freq: 5 }),
});

type Known = typeof turn extends fc.Arbitrary<infer Value> ? Value : never;
/** With any ids. */
export type Turn = Omit<Known, 'bot' | 'group' | 'member' | 'conversation'> &
  Readonly<Record<'bot' | 'group' | 'member' | 'conversation', string>>;

/** What is said within a few days. */
export const conversationWorld = fc.array(turn, { minLength: 1, maxLength: 14 });
export type ConversationWorld = typeof conversationWorld extends fc.Arbitrary<infer Value> ? Value : never;

/** Uniform, unlike `fc.double`, most of whose values are next to 0: all would be received within minutes. */
export const chances = fc.infiniteStream(
  fc.noBias(fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((n) => n / 2 ** 31)),
);

/** What producers send, each event once. */
export function conversationEvents(world: readonly Turn[], tenantId: string): NewEvent[] {
  return world.flatMap((t, n) => {
    const interactionId = `i${n}`;
    const told = (id: string) => ({ id, at: new Date(t.at), tenantId });
    const { responseText, responseTimeMs } = t.response;
    const answer = { responseText, ...(responseTimeMs === undefined ? {} : { responseTimeMs }) };
    const events: NewEvent[] = [];
    if (t.isReported) {
      const value = {
        botId: t.bot,
        groupId: t.group,
        memberId: t.member,
        conversationId: t.conversation,
        intent: t.intent,
        ...answer,
        ...(t.reading === undefined ? {} : { understanding: { intent: t.reading } }),
      };
      events.push(event({ case: 'interaction', value }, told(interactionId)));
    }
    if (t.enrichment !== undefined) {
      const value = { interactionId, understanding: { intent: t.enrichment } };
      events.push(event({ case: 'enrichment', value }, told(`read ${interactionId}`)));
    }
    for (const outcome of t.outcomes) {
      events.push(event({ case: 'conversion', value: { interactionId, outcome } }, told(`c${n}`)));
    }
    if (t.rating !== undefined) {
      const { type, rating, conversation: conversationId } = t.rating;
      const value = { interactionId, conversationId, type, ...(rating === undefined ? {} : { rating }) };
      events.push(event({ case: 'feedback', value }, told(`f${n}`)));
    }
    if (t.handoff !== undefined) {
      const value = { interactionId, conversationId: t.handoff };
      events.push(event({ case: 'handoff', value }, told(`h${n}`)));
    }
    return events;
  });
}

/**
 * The events in any order, some of them twice, over about twice the days in which they occurred, with ticks between; at the
 * end time passes for long enough that nothing is left to come, or stops somewhere.
 */
export function conversationLog(events: readonly NewEvent[], stream: fc.Stream<number>): NewEvent[] {
  const next = () => stream.next().value ?? 0;
  const repeated = events.filter(() => next() < 0.2);
  const shuffled = shuffle([...events, ...repeated], stream);
  const log: NewEvent[] = [];
  let now = from + Math.floor(next() * 30) * 10 * minute;
  const tick = (): void => {
    if (next() < 0.5) log.push(tickAt(new Date(now)));
  };
  for (const one of shuffled) {
    now += next() < 0.5 ? minute : Math.floor(next() * 20 * 60) * minute;
    tick();
    log.push({ ...one, receivedAt: new Date(now) });
    tick();
  }
  for (let more = Math.floor(next() * 10); more > 0; more -= 1) {
    now += day;
    tick();
  }
  return log;
}

export { cutAtRandom };
