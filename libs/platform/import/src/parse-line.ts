import { create, type JsonObject } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  AggregationPeriod,
  BotPerformanceMetricSchema,
  CompletionSchema,
  ConversionSchema,
  EventSchema,
  FeedbackSchema,
  FeedbackType,
  HandoffActor,
  HandoffSchema,
  InteractionSchema,
  MemberSchema,
  MetricCategory,
  Outcome,
  RefundSchema,
  Sentiment,
  UserSchema,
  type Event,
} from '@parley/contracts/parley/ingestion/v1/event';
import { MoneySchema, type Money } from '@parley/contracts/parley/type/v1/money';
import { DomainError, invalidArgument } from '@parley/errors';
import { eventKeyOf, toMinorUnits } from '@parley/event';
import { FieldReader } from './field-reader.ts';

/** A line as an event, with the tenant that it names. */
export interface ParsedLine {
  /** Its `eventId` is never empty. */
  readonly event: Event;
  /** Undefined: the line names none. */
  readonly tenantName: string | undefined;
}

export interface ParseLineOptions {
  /** ISO 4217; for amounts whose line names no currency. */
  readonly defaultCurrency: string;
}

/** What a line can be: its `type`. */
export const lineTypes = [
  'interaction',
  'completion',
  'conversion',
  'refund',
  'feedback',
  'handoff',
  'member',
  'user',
  'bot_performance_metric',
] as const;
export type LineType = (typeof lineTypes)[number];

/**
 * Reads one line of JSON in the guide's field names. The keys of the guide's `track_conversion` (`trigger`, `journey` …)
 * are taken as well as those of its model. What has no field of its own is kept as an attribute, beside what the object
 * `attributes` holds, which is how Parley's own exports write them. An event without an id
 * gets one made from the line's text, so that sending the line again is a repeat. A time without zone is UTC.
 *
 * @throws DomainError `invalid-argument`, naming the field at fault, for a line that is no such event.
 */
export function parseLine(text: string, options: ParseLineOptions): ParsedLine {
  const fields = new FieldReader(parseObject(text));
  const type = fields.named('type', lineTypeTable);
  if (type === undefined) {
    throw invalidArgument([{ field: 'type', description: `must be one of ${lineTypes.join(', ')}` }]);
  }
  const tenantName = fields.text('tenant') ?? fields.text('tenant_id');
  const id = fields.text('id') ?? fields.text('event_id');
  const occurredAt = fields.instant('timestamp') ?? fields.instant('occurred_at');
  // Of an earlier sending: the file's age is no error of the clock that wrote it.
  fields.instant('sent_at');
  const payload = readPayload(type, fields, id, options.defaultCurrency);
  const given = fields.object('attributes');
  const attributes = { ...fields.rest(), ...given };
  if (Object.keys(attributes).length > 0) payload.value.attributes = attributes;
  const event = create(EventSchema, {
    // A completion's id is its interaction's.
    eventId: payload.case === 'completion' ? payload.value.interactionId : id || eventKeyOf(text.trim()),
    ...(occurredAt && { occurredAt: timestampFromDate(occurredAt) }),
    payload,
  });
  return { event, tenantName };
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch (cause) {
    throw new DomainError(`Not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      kind: 'invalid-argument',
      reason: 'INVALID_JSON',
      cause,
    });
  }
  throw new DomainError('Not a JSON object.', { kind: 'invalid-argument', reason: 'INVALID_JSON' });
}

function readPayload(type: LineType, fields: FieldReader, id: string | undefined, currency: string) {
  switch (type) {
    case 'interaction':
      return { case: 'interaction', value: readInteraction(fields) } as const;
    case 'completion':
      return { case: 'completion', value: readCompletion(fields, id) } as const;
    case 'conversion':
      return { case: 'conversion', value: readConversion(fields, currency) } as const;
    case 'refund':
      return { case: 'refund', value: readRefund(fields, currency) } as const;
    case 'feedback':
      return { case: 'feedback', value: readFeedback(fields) } as const;
    case 'handoff':
      return { case: 'handoff', value: readHandoff(fields) } as const;
    case 'member':
      return { case: 'member', value: readMember(fields, id) } as const;
    case 'user':
      return { case: 'user', value: readUser(fields, id) } as const;
    case 'bot_performance_metric':
      return { case: 'botPerformanceMetric', value: readMetric(fields) } as const;
  }
}

function readInteraction(fields: FieldReader) {
  return create(InteractionSchema, {
    ...readContext(fields),
    channel: fields.text('channel') ?? '',
    messageText: fields.text('message_text') ?? '',
    intent: fields.text('intent') ?? '',
    intentScore: fields.number('intent_score'),
    sentiment: fields.named('sentiment', sentiments) ?? Sentiment.UNSPECIFIED,
    ...readResponse(fields),
  });
}

function readCompletion(fields: FieldReader, id: string | undefined) {
  return create(CompletionSchema, {
    interactionId: fields.text('interaction_id') ?? id ?? '',
    ...readResponse(fields),
  });
}

function readConversion(fields: FieldReader, currency: string) {
  return create(ConversionSchema, {
    ...readParties(fields),
    interactionId: fields.text('interaction_id') ?? '',
    intent: fields.text('intent') ?? '',
    triggerMessage: fields.text('trigger_message') ?? fields.text('trigger') ?? '',
    intentScore: fields.number('intent_score') ?? fields.number('intent_confidence'),
    botMessage: fields.text('bot_message') ?? fields.text('bot_response') ?? '',
    outcome: fields.named('outcome', outcomes) ?? Outcome.UNSPECIFIED,
    conversionType: fields.text('conversion_type') ?? '',
    value: readMoney(fields, 'conversion_value', currency) ?? readMoney(fields, 'value', currency),
    checkoutCompleted: fields.flag('checkout_completed') ?? fields.flag('completed') ?? false,
    pagesVisited: fields.texts('pages_visited') ?? fields.texts('journey') ?? [],
    timeToConversionSeconds: fields.number('time_to_conversion_seconds') ?? fields.number('time_taken'),
  });
}

function readRefund(fields: FieldReader, currency: string) {
  return create(RefundSchema, {
    conversionId: fields.text('conversion_id') ?? '',
    value: readMoney(fields, 'value', currency),
    reason: fields.text('reason') ?? '',
  });
}

function readFeedback(fields: FieldReader) {
  const type = fields.named('feedback_type', feedbackTypes) ?? FeedbackType.CSAT;
  return create(FeedbackSchema, {
    ...readContext(fields),
    type,
    rating: fields.number('csat_rating') ?? fields.number('rating'),
    scaleMin: fields.number('scale_min'),
    scaleMax: fields.number('scale_max'),
    interactionId: fields.text('interaction_id') ?? '',
    comment: fields.text('comment') ?? '',
  });
}

function readHandoff(fields: FieldReader) {
  return create(HandoffSchema, {
    ...readContext(fields),
    interactionId: fields.text('interaction_id') ?? '',
    reason: fields.text('reason') ?? '',
    actor: fields.named('actor', handoffActors) ?? HandoffActor.UNSPECIFIED,
  });
}

function readMember(fields: FieldReader, id: string | undefined) {
  return create(MemberSchema, {
    memberId: fields.text('member_id') ?? id ?? '',
    userId: fields.text('user_id') ?? '',
    groupId: fields.text('group_id') ?? '',
    segments: fields.texts('segments') ?? [],
  });
}

function readUser(fields: FieldReader, id: string | undefined) {
  return create(UserSchema, { userId: fields.text('user_id') ?? id ?? '' });
}

function readMetric(fields: FieldReader) {
  const value = fields.number('metric_value');
  if (value === undefined) {
    throw invalidArgument([{ field: 'metric_value', description: 'must be a number' }]);
  }
  return create(BotPerformanceMetricSchema, {
    botId: fields.text('bot_id') ?? '',
    metricCategory: fields.named('metric_category', metricCategories) ?? MetricCategory.UNSPECIFIED,
    metricType: fields.text('metric_type') ?? '',
    metricValue: value,
    aggregationPeriod:
      fields.named('aggregation_period', aggregationPeriods) ?? AggregationPeriod.UNSPECIFIED,
    sampleSize: BigInt(fields.integer('sample_size') ?? 0),
  });
}

/** Who and where. The guide's handler says `user_id` for the member. */
function readParties(fields: FieldReader) {
  return {
    botId: fields.text('bot_id') ?? '',
    groupId: fields.text('group_id') ?? '',
    memberId: fields.text('member_id') ?? fields.text('user_id') ?? '',
  };
}

function readContext(fields: FieldReader) {
  return {
    ...readParties(fields),
    conversationId: fields.text('session_id') ?? fields.text('conversation_id') ?? '',
  };
}

function readResponse(fields: FieldReader) {
  const responseTimeMs = fields.integer('response_time_ms');
  return {
    responseText: fields.text('response_text') ?? '',
    responseOmitted: fields.flag('response_omitted') ?? false,
    responseTimeMs: responseTimeMs === undefined ? undefined : BigInt(responseTimeMs),
    errorCode: fields.text('error_code') ?? '',
  };
}

function readMoney(fields: FieldReader, name: string, defaultCurrency: string): Money | undefined {
  const amount = fields.number(name);
  const currencyCode = fields.text('currency') || defaultCurrency;
  if (amount === undefined) return undefined;
  return create(MoneySchema, { currencyCode, minorUnits: toMinorUnits(amount, currencyCode) });
}

const lineTypeTable = Object.fromEntries(lineTypes.map((type) => [type, type])) as Record<string, LineType>;

const sentiments = {
  positive: Sentiment.POSITIVE,
  neutral: Sentiment.NEUTRAL,
  negative: Sentiment.NEGATIVE,
};

const outcomes = {
  purchased: Outcome.PURCHASED,
  visited: Outcome.VISITED,
  did_nothing: Outcome.DID_NOTHING,
  resolved: Outcome.RESOLVED,
};

const feedbackTypes = {
  csat: FeedbackType.CSAT,
  nps: FeedbackType.NPS,
  ces: FeedbackType.CES,
  thumbs: FeedbackType.THUMBS,
};

const handoffActors = {
  member: HandoffActor.MEMBER,
  bot: HandoffActor.BOT,
  human: HandoffActor.HUMAN,
};

const metricCategories = {
  customer_experience: MetricCategory.CUSTOMER_EXPERIENCE,
  operational_efficiency: MetricCategory.OPERATIONAL_EFFICIENCY,
  engagement: MetricCategory.ENGAGEMENT,
  monetization: MetricCategory.MONETIZATION,
  health: MetricCategory.HEALTH,
};

const aggregationPeriods = {
  hourly: AggregationPeriod.HOURLY,
  daily: AggregationPeriod.DAILY,
  weekly: AggregationPeriod.WEEKLY,
  monthly: AggregationPeriod.MONTHLY,
};
