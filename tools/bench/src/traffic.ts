import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  EventSchema,
  FeedbackType,
  Outcome,
  Sentiment,
  type Event,
} from '@parley/contracts/parley/ingestion/v1/event';

export interface TrafficOptions {
  readonly seed: number;
  readonly count: number;
  /** When the first can have happened. */
  readonly from: Date;
  /** When the last can have happened. */
  readonly to: Date;
  /** Whether interactions come without intent and sentiment, which are read from their texts then. */
  readonly isUnread?: boolean;
}

/** What the benchmarks send, and how it is kept. */
export interface TrafficEvent {
  readonly event: Event;
  /** A UUIDv7 of the time at which it happened. */
  readonly eventId: string;
  readonly occurredAt: Date;
  /** The number of its kind in the log. */
  readonly kind: 1 | 3 | 5;
  readonly body: Uint8Array;
}

const bots = 20;
const groups = 50;
const members = 5_000;
const intents = ['find-coffee', 'order', 'opening-hours', 'delivery', 'complaint', 'smalltalk'] as const;
const sentiments = [Sentiment.POSITIVE, Sentiment.NEUTRAL, Sentiment.NEGATIVE] as const;
const outcomes = [Outcome.PURCHASED, Outcome.VISITED, Outcome.DID_NOTHING, Outcome.RESOLVED] as const;
const words =
  'could you tell me when the new beans from the small roaster by the river are back in stock please'.split(
    ' ',
  );

/**
 * Events in the order of their times, nearly, between two instants, the same for the same seed: 87 of 100 are interactions of 20 bots with
 * 5,000 members, 10 conversions of them, 3 ratings, about 250 bytes each. Made to cost little, where @parley/demo's are
 * made to be believed.
 */
export function generateTraffic({ seed, count, from, to, isUnread = false }: TrafficOptions): TrafficEvent[] {
  const random = createRandom(seed);
  const step = (to.getTime() - from.getTime()) / count;
  let lastInteraction = '';
  return Array.from({ length: count }, (_, index) => {
    // One after the other, as a back end sends them, each up to a second earlier or later.
    const place = Math.min(Math.max(index * step + (random() - 0.5) * 2_000, 0), step * count);
    const occurredAt = new Date(from.getTime() + Math.floor(place));
    const eventId = uuidV7(occurredAt, seed, index);
    const share = random();
    const botId = `bot-${Math.floor(random() * bots)}`;
    const groupId = `group-${Math.floor(random() * groups)}`;
    const memberId = `member-${Math.floor(random() * members)}`;
    const intent = share < 0.02 ? 'escalate' : share < 0.05 ? 'fallback' : pick(intents, random());
    let kind: TrafficEvent['kind'];
    let payload: Event['payload'];
    if (index === 0 || share < 0.87) {
      kind = 1;
      lastInteraction = eventId;
      payload = create(EventSchema, {
        payload: {
          case: 'interaction',
          value: {
            botId,
            groupId,
            memberId,
            conversationId: `conversation-${Math.floor(index / 6)}-of-${seed}`,
            channel: 'web',
            ...(!isUnread && { intent, sentiment: pick(sentiments, random()) }),
            messageText: phrase(random, 10),
            responseText: phrase(random, 14),
            responseTimeMs: BigInt(Math.floor(random() * 3_000)),
            errorCode: random() < 0.01 ? 'timeout' : '',
          },
        },
      }).payload;
    } else if (share < 0.97) {
      kind = 3;
      payload = create(EventSchema, {
        payload: {
          case: 'conversion',
          value: {
            interactionId: lastInteraction,
            botId,
            groupId,
            memberId,
            intent,
            triggerMessage: phrase(random, 10),
            botMessage: phrase(random, 10),
            outcome: pick(outcomes, random()),
            value: { currencyCode: 'USD', minorUnits: BigInt(Math.floor(random() * 9_000)) },
          },
        },
      }).payload;
    } else {
      kind = 5;
      payload = create(EventSchema, {
        payload: {
          case: 'feedback',
          value: {
            type: FeedbackType.CSAT,
            rating: 1 + Math.floor(random() * 5),
            interactionId: lastInteraction,
            botId,
            groupId,
            memberId,
            comment: phrase(random, 12),
          },
        },
      }).payload;
    }
    const event = create(EventSchema, { eventId, occurredAt: timestampFromDate(occurredAt), payload });
    return { event, eventId, occurredAt, kind, body: toBinary(EventSchema, event) };
  });
}

/** As the log keeps it: 64 bits of the hash of the bytes that came. */
export function fingerprintOf(body: Uint8Array): bigint {
  return createHash('sha256').update(body).digest().readBigInt64BE(0);
}

/** The items in runs of `size`, the last one shorter. */
export function chunk<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function phrase(random: () => number, length: number): string {
  return Array.from({ length }, () => pick(words, random())).join(' ');
}

function pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[], share: number): Item {
  const item = items[Math.floor(share * items.length)];
  if (item === undefined) throw new RangeError('There is nothing to pick from.');
  return item;
}

/** A UUID of version 7 whose random part is the seed and the index, so that no two of a run are alike. */
function uuidV7(at: Date, seed: number, index: number): string {
  const time = at.getTime().toString(16).padStart(12, '0');
  const high = (index >>> 20).toString(16).padStart(3, '0');
  const low = (index & 0xfffff).toString(16).padStart(5, '0');
  const own = (seed >>> 0).toString(16).padStart(7, '0').slice(-7);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-8000-${own}${low}`;
}

/** Numbers in [0, 1), by Mulberry32 (Tommy Ettinger, public domain). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
