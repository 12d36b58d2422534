import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf, eventKinds } from '@parley/event';
import type { LogEvent } from '@parley/event';
import { factKey } from './fact-key.ts';
import type { FeedbackType, Outcome, Sentiment } from './facts.ts';
import { explicitThread } from './thread.ts';
import type { Thread } from './thread.ts';

interface Told {
  readonly tenantId: string;
  /** The event's key; a completion's and an enrichment's are their interaction's. */
  readonly key: string;
  /** The `factKey` of tenant and key. */
  readonly place: string;
  readonly occurredAt: Date;
  readonly receivedAt: Date;
}

/** What a completion says; an interaction may say it too. */
export interface Response {
  readonly hasResponse: boolean;
  readonly responseTimeMs: number | null;
  readonly hasError: boolean;
}

/** Which interaction an event is about. */
export interface InteractionName {
  readonly tenantId: string;
  readonly key: string;
  /** The `factKey` of both. */
  readonly place: string;
}

/** Which conversion an event is about. */
export interface ConversionName {
  readonly tenantId: string;
  readonly key: string;
  /** The `factKey` of both. */
  readonly place: string;
}

/** Whom an event names. */
export interface MemberName {
  readonly tenantId: string;
  readonly memberId: string;
  /** The `factKey` of both. */
  readonly place: string;
}

export interface InteractionEvent extends Told, Response {
  readonly kind: 'interaction';
  readonly botId: string;
  readonly groupId: string;
  /** Undefined: anonymous. */
  readonly member: MemberName | undefined;
  readonly conversationId: string;
  readonly channel: string;
  readonly intent: string;
  readonly sentiment: Sentiment;
  /** What Parley's model read when the interaction came; counts where the producer said nothing. */
  readonly readIntent: string;
  readonly readSentiment: Sentiment;
}
export interface CompletionEvent extends Told, Response {
  readonly kind: 'completion';
}
export interface EnrichmentEvent extends Told {
  readonly kind: 'enrichment';
  readonly intent: string;
  readonly sentiment: Sentiment;
}
export interface ConversionEvent extends Told {
  readonly kind: 'conversion';
  readonly interaction: InteractionName;
  readonly botId: string;
  readonly groupId: string;
  readonly intent: string;
  /** Undefined: the interaction's. */
  readonly member: MemberName | undefined;
  readonly outcome: Outcome;
  readonly checkoutCompleted: boolean;
  readonly valueMinorUnits: bigint;
  readonly currencyCode: string;
}
export interface RefundEvent extends Told {
  readonly kind: 'refund';
  readonly conversion: ConversionName;
  readonly valueMinorUnits: bigint;
  readonly currencyCode: string;
}
export interface FeedbackEvent extends Told {
  readonly kind: 'feedback';
  /** Undefined: about no interaction in particular. */
  readonly interaction: InteractionName | undefined;
  /** The conversation that it names. Undefined: the interaction's. */
  readonly thread: Thread | undefined;
  readonly botId: string;
  readonly groupId: string;
  readonly type: FeedbackType;
  readonly ratingMicros: number | null;
  readonly scaleMaxMicros: number;
}
export interface HandoffEvent extends Told {
  readonly kind: 'handoff';
  /** Of the interaction's conversation, or of the one that it names. */
  readonly of: { readonly interaction: InteractionName } | { readonly thread: Thread };
}
export interface MemberEvent extends Told {
  readonly kind: 'member';
  readonly member: MemberName;
  readonly userId: string;
  /** Each once, in ascending order. */
  readonly segments: readonly string[];
}
export interface UserEvent extends Told {
  readonly kind: 'user';
  readonly userId: string;
}

/** An event that changes a KPI, with what of it does. */
export type FactEvent =
  | InteractionEvent
  | CompletionEvent
  | EnrichmentEvent
  | ConversionEvent
  | RefundEvent
  | FeedbackEvent
  | HandoffEvent
  | MemberEvent
  | UserEvent;

const sentiments: readonly Sentiment[] = [0, 1, 2, 3];
const outcomes: readonly Outcome[] = [1, 2, 3, 4];
const feedbackTypes: readonly FeedbackType[] = [1, 2, 3, 4];

/** The highest rating of a scale that is not said, by type. */
const usualScaleMax: Readonly<Record<FeedbackType, number>> = { 1: 5, 2: 10, 3: 7, 4: 1 };

/**
 * Reads what counts; undefined for an event that changes no KPI, be it of such a kind, erased or expired.
 * Throws when the bytes are no event, or one of another kind than the log says.
 */
export function parseFactEvent(event: LogEvent): FactEvent | undefined {
  if (event.body === undefined || !counts.has(event.kind)) return undefined;
  const { payload } = fromBinary(EventSchema, event.body, { readUnknownFields: false });
  const told = {
    tenantId: event.tenantId,
    key: event.eventKey,
    place: factKey(event.tenantId, event.eventKey),
    occurredAt: event.occurredAt,
    receivedAt: event.receivedAt,
  };
  if (payload.case === undefined || eventKinds[snakeCase(payload.case)] !== event.kind) {
    throw new Error(
      `Event ${event.offset} is of kind ${event.kind}, its body says ${payload.case ?? 'nothing'}.`,
    );
  }
  return parsePayload(told, payload);
}

const counts: ReadonlySet<number> = new Set([
  eventKinds.interaction,
  eventKinds.completion,
  eventKinds.conversion,
  eventKinds.refund,
  eventKinds.feedback,
  eventKinds.handoff,
  eventKinds.member,
  eventKinds.user,
  eventKinds.enrichment,
]);

function parsePayload(told: Told, payload: Event['payload']): FactEvent | undefined {
  switch (payload.case) {
    case 'interaction': {
      const { botId, groupId, memberId, conversationId, channel, intent, sentiment, understanding } =
        payload.value;
      return {
        ...told,
        ...parseResponse(payload.value),
        kind: 'interaction',
        botId,
        groupId,
        member: memberId === '' ? undefined : memberNamed(told.tenantId, memberId),
        conversationId,
        channel,
        intent,
        sentiment: parseNumber(sentiment, sentiments),
        readIntent: understanding?.intent ?? '',
        readSentiment: parseNumber(understanding?.sentiment ?? 0, sentiments),
      };
    }
    case 'completion':
      return { ...told, ...parseResponse(payload.value), kind: 'completion' };
    case 'enrichment': {
      const { interactionId, understanding } = payload.value;
      return {
        ...told,
        ...interactionNamed(told.tenantId, interactionId),
        kind: 'enrichment',
        intent: understanding?.intent ?? '',
        sentiment: parseNumber(understanding?.sentiment ?? 0, sentiments),
      };
    }
    case 'conversion': {
      const { interactionId, botId, groupId, memberId, intent, outcome, checkoutCompleted, value } =
        payload.value;
      return {
        ...told,
        kind: 'conversion',
        interaction: interactionNamed(told.tenantId, interactionId),
        botId,
        groupId,
        intent,
        member: memberId === '' ? undefined : memberNamed(told.tenantId, memberId),
        outcome: parseNumber(outcome, outcomes),
        checkoutCompleted,
        valueMinorUnits: value?.minorUnits ?? 0n,
        currencyCode: value?.currencyCode ?? '',
      };
    }
    case 'refund': {
      const { conversionId, value } = payload.value;
      const key = eventKeyOf(conversionId);
      return {
        ...told,
        kind: 'refund',
        conversion: { tenantId: told.tenantId, key, place: factKey(told.tenantId, key) },
        valueMinorUnits: value?.minorUnits ?? 0n,
        currencyCode: value?.currencyCode ?? '',
      };
    }
    case 'feedback': {
      const { interactionId, conversationId, botId, groupId, rating, scaleMax } = payload.value;
      // Not said is taken as CSAT.
      const type = payload.value.type === 0 ? 1 : parseNumber(payload.value.type, feedbackTypes);
      return {
        ...told,
        kind: 'feedback',
        interaction: interactionId === '' ? undefined : interactionNamed(told.tenantId, interactionId),
        thread: conversationId === '' ? undefined : explicitThread(told.tenantId, conversationId),
        botId,
        groupId,
        type,
        ratingMicros: rating === undefined ? null : Math.round(rating * 1_000_000),
        scaleMaxMicros: Math.round((scaleMax ?? usualScaleMax[type]) * 1_000_000),
      };
    }
    case 'handoff': {
      const { interactionId, conversationId } = payload.value;
      if (conversationId === '' && interactionId === '') throw new Error('A handoff of nothing.');
      const of =
        conversationId === ''
          ? { interaction: interactionNamed(told.tenantId, interactionId) }
          : { thread: explicitThread(told.tenantId, conversationId) };
      return { ...told, kind: 'handoff', of };
    }
    case 'member':
      return {
        ...told,
        kind: 'member',
        member: memberNamed(told.tenantId, payload.value.memberId),
        userId: payload.value.userId,
        segments: [...new Set(payload.value.segments)].sort(),
      };
    case 'user':
      return { ...told, kind: 'user', userId: payload.value.userId };
    default:
      return undefined;
  }
}

function interactionNamed(tenantId: string, interactionId: string): InteractionName {
  const key = eventKeyOf(interactionId);
  return { tenantId, key, place: factKey(tenantId, key) };
}

function memberNamed(tenantId: string, memberId: string): MemberName {
  if (memberId === '') throw new Error('A member without an id.');
  return { tenantId, memberId, place: factKey(tenantId, memberId) };
}

function parseNumber<Value extends number>(number: number, values: readonly Value[]): Value {
  const value = values.find((known) => known === number);
  if (value === undefined) throw new Error(`${number} is none of ${values.join(', ')}.`);
  return value;
}

function parseResponse(said: {
  readonly responseText: string;
  readonly responseTimeMs?: bigint | undefined;
  readonly responseOmitted: boolean;
  readonly errorCode: string;
}): Response {
  return {
    hasResponse: said.responseText !== '' || said.responseOmitted,
    responseTimeMs: said.responseTimeMs === undefined ? null : Number(said.responseTimeMs),
    hasError: said.errorCode !== '',
  };
}

function snakeCase(name: NonNullable<Event['payload']['case']>) {
  return name === 'botPerformanceMetric' ? 'bot_performance_metric' : name;
}
