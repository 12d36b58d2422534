import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { FeedbackType, Outcome, Sentiment, type ParleyClient, type ReportedKind } from '@parley/client';
import { EventSchema, type Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { Figures } from './kpi-figures.ts';
import { createRandom, integerIn, pick } from './seeded-random.ts';

/** Which event of which bot: its bot's events are numbered from 0 in the order in which it reports them. */
export interface EventNumber {
  readonly bot: number;
  readonly index: number;
}

/** An event as its number determines it, so that whoever knows the number can say the event again. */
export type SoakEvent = { readonly id: string; readonly occurredAt: Date } & (
  | { readonly kind: 'interaction'; readonly value: ReturnType<typeof interactionOf> }
  | { readonly kind: 'completion'; readonly value: ReturnType<typeof completionOf> }
  | { readonly kind: 'conversion'; readonly value: ReturnType<typeof conversionOf> }
  | { readonly kind: 'feedback'; readonly value: ReturnType<typeof feedbackOf> }
);

/** All events of a bot happen in these two days, half-open. */
export const soakWindow = {
  start: new Date('2026-03-08T00:00:00Z'),
  end: new Date('2026-03-10T00:00:00Z'),
};
/** As many events have room in the window. */
export const mostEventsOfBot = 1_700_000;

const stepMs = 100;
/** A question, its answer, what came of it, and a question that was answered at once. */
const turnLength = 4;
const members = 700;
const intents = ['order_status', 'pricing', 'purchase', 'escalate', 'fallback', 'abandoned'] as const;
const sentiments = [Sentiment.POSITIVE, Sentiment.NEUTRAL, Sentiment.NEGATIVE] as const;
const outcomes = [Outcome.PURCHASED, Outcome.VISITED, Outcome.DID_NOTHING, Outcome.RESOLVED] as const;

export const botName = (bot: number): string => `bot-${bot}`;

export function soakEvent(number: EventNumber): SoakEvent {
  const { bot, index } = number;
  const random = createRandom(bot * 4_000_037 + index);
  const question = { bot, index: index - (index % turnLength) };
  const at = { id: idOf(number), occurredAt: new Date(soakWindow.start.getTime() + index * stepMs) };
  switch (index % turnLength) {
    case 1:
      return { ...at, id: idOf(question), kind: 'completion', value: completionOf(question, random) };
    case 2:
      return random() < 0.5
        ? { ...at, kind: 'conversion', value: conversionOf(question, random) }
        : { ...at, kind: 'feedback', value: feedbackOf(question, random) };
    default:
      return { ...at, kind: 'interaction', value: interactionOf(number, random) };
  }
}

/** Reports it by the SDK. */
export function report(client: ParleyClient, { id: eventId, occurredAt, kind, value }: SoakEvent): void {
  switch (kind) {
    case 'interaction':
      client.interaction({ eventId, occurredAt, ...value });
      break;
    case 'completion':
      client.complete({ occurredAt, ...value });
      break;
    case 'conversion':
      client.conversion({ eventId, occurredAt, ...value });
      break;
    case 'feedback':
      client.feedback({ eventId, occurredAt, ...value });
      break;
  }
}

/** The message that must be stored for it, but for the time of sending. */
export function toEvent({ id: eventId, occurredAt, ...payload }: SoakEvent): Event {
  const head = { eventId, occurredAt: timestampFromDate(occurredAt) };
  switch (payload.kind) {
    case 'interaction':
      return create(EventSchema, { ...head, payload: { case: payload.kind, value: payload.value } });
    case 'completion':
      return create(EventSchema, { ...head, payload: { case: payload.kind, value: payload.value } });
    case 'conversion':
      return create(EventSchema, { ...head, payload: { case: payload.kind, value: payload.value } });
    case 'feedback':
      return create(EventSchema, { ...head, payload: { case: payload.kind, value: payload.value } });
  }
}

/** The number of the event with this kind and id; undefined where it is none of ours. */
export function numberOf(kind: ReportedKind | undefined, id: string): EventNumber | undefined {
  const { bot, index } = idPattern.exec(id)?.groups ?? {};
  if (bot === undefined || index === undefined) return undefined;
  return { bot: parseInt(bot, 16) - firstBot, index: parseInt(index, 16) + (kind === 'completion' ? 1 : 0) };
}

/** The KPIs of those events of these bots that are stored, counted one by one. */
export function soakTruth(
  stored: ReadonlyMap<number, { readonly length: number; has(index: number): boolean }>,
  bot?: number,
): Figures {
  const n = { interactions: 0, escalated: 0, givenUp: 0, silent: 0, conversions: 0, resolved: 0 };
  const ratings = { count: 0, sum: 0, top2: 0 };
  const handling = { times: 0, sum: 0 };
  const active = new Set<string>();
  for (const [of, events] of bot === undefined ? stored : pickOf(stored, bot)) {
    for (let index = 0; index < events.length; index += 1) {
      if (!events.has(index)) continue;
      const { kind, value } = soakEvent({ bot: of, index });
      switch (kind) {
        case 'interaction': {
          const isAnswered = index % turnLength === 0 && events.has(index + 1);
          const answer = isAnswered ? answerOf({ bot: of, index: index + 1 }) : value;
          n.interactions += 1;
          if (value.intent === 'escalate') n.escalated += 1;
          if (value.intent === 'fallback' || value.intent === 'abandoned') n.givenUp += 1;
          if (answer.responseText === '') n.silent += 1;
          const ms = Number(answer.responseTimeMs ?? 0);
          if (ms > 0) handling.times += 1;
          handling.sum += ms;
          if (value.memberId !== '') active.add(value.memberId);
          break;
        }
        case 'conversion':
          // It does not say of which bot it is: only its interaction does.
          if (bot !== undefined && !events.has(index - (index % turnLength))) break;
          n.conversions += 1;
          if (value.outcome === Outcome.PURCHASED || value.outcome === Outcome.RESOLVED) n.resolved += 1;
          break;
        case 'feedback':
          ratings.count += 1;
          ratings.sum += value.rating;
          if (value.rating >= 4) ratings.top2 += 1;
          break;
        case 'completion':
          break;
      }
    }
  }
  return {
    total_interactions: n.interactions,
    containment_rate: share(n.interactions - n.escalated, n.interactions),
    resolution_rate: share(n.resolved, n.interactions),
    avg_handling_time_ms: share(handling.sum, handling.times),
    total_conversions: n.conversions,
    completion_rate: share(n.interactions - n.givenUp, n.interactions),
    bounce_rate: share(n.silent, n.interactions),
    active_members: active.size,
    avg_csat: share(ratings.sum, ratings.count),
    csat_top2: share(ratings.top2, ratings.count),
  };
}

function interactionOf({ bot, index }: EventNumber, random: () => number) {
  const isAnswered = index % turnLength !== 0;
  return {
    botId: botName(bot),
    memberId: random() < 0.9 ? `member-${integerIn(random, 1, members)}` : '',
    conversationId: `conversation-${bot}-${index - (index % turnLength)}`,
    channel: pick(random, ['web', 'whatsapp']),
    messageText: `Message ${index} of bot ${bot}: where is my order?`.padEnd(integerIn(random, 50, 120), '.'),
    intent: pick(random, intents),
    sentiment: pick(random, sentiments),
    responseText: isAnswered ? `Answer ${index}: it is on its way.` : '',
    responseTimeMs: isAnswered ? BigInt(integerIn(random, 0, 900)) : undefined,
  };
}

function completionOf(question: EventNumber, random: () => number) {
  return {
    interactionId: idOf(question),
    responseText: random() < 0.8 ? `Answer ${question.index}: it will be there tomorrow.` : '',
    responseTimeMs: BigInt(integerIn(random, 1, 3000)),
  };
}

function conversionOf(question: EventNumber, random: () => number) {
  return {
    interactionId: idOf(question),
    outcome: pick(random, outcomes),
    value: { currencyCode: 'USD', minorUnits: BigInt(integerIn(random, 0, 9900)) },
  };
}

function feedbackOf(question: EventNumber, random: () => number) {
  return {
    interactionId: idOf(question),
    botId: botName(question.bot),
    type: FeedbackType.CSAT,
    rating: integerIn(random, 1, 5),
  };
}

function answerOf(number: EventNumber): ReturnType<typeof completionOf> {
  const { kind, value } = soakEvent(number);
  if (kind !== 'completion') throw new Error(`Event ${number.index} is no completion.`);
  return value;
}

const idPattern = /^00000000-0000-7000-(?<bot>8[0-9a-f]{3})-(?<index>[0-9a-f]{12})$/;

const firstBot = 0x8000;
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function idOf({ bot, index }: EventNumber): string {
  return `00000000-0000-7000-${hex(firstBot + bot, 4)}-${hex(index, 12)}`;
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function pickOf<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): [Key, Value][] {
  const value = map.get(key);
  return value === undefined ? [] : [[key, value]];
}
