import type {
  ConversionFact,
  FeedbackFact,
  HandoffFact,
  InteractionFact,
  RefundFact,
} from '../projection/facts.ts';
import type { FactMapping } from './fact-store.ts';

export const interactionMapping: FactMapping<InteractionFact> = {
  table: 'interaction_facts',
  key: 'interaction_key',
  columns: [
    ['tenant_id', 'uuid', 'tenantId'],
    ['interaction_key', 'uuid', 'interactionKey'],
    ['occurred_at', 'timestamptz', 'occurredAt'],
    ['bot_id', 'text', 'botId'],
    ['group_id', 'text', 'groupId'],
    ['conversation_id', 'text', 'conversationId'],
    ['channel', 'text', 'channel'],
    ['member_ordinal', 'int4', 'memberOrdinal'],
    ['intent', 'text', 'intent'],
    ['sentiment', 'int2', 'sentiment'],
    ['intent_given', 'bool', 'intentGiven'],
    ['sentiment_given', 'bool', 'sentimentGiven'],
    ['has_response', 'bool', 'hasResponse'],
    ['response_time_ms', 'int4', 'responseTimeMs'],
    ['has_error', 'bool', 'hasError'],
    ['completed', 'bool', 'completed'],
    ['seen_on', 'int4', 'seenOn'],
    ['intents', 'text', 'intents'],
    ['known_on', 'int4', 'knownOn'],
    ['later', 'text', 'later'],
  ],
};

export const conversionMapping: FactMapping<ConversionFact> = {
  table: 'conversion_facts',
  key: 'conversion_key',
  columns: [
    ['tenant_id', 'uuid', 'tenantId'],
    ['conversion_key', 'uuid', 'conversionKey'],
    ['interaction_key', 'uuid', 'interactionKey'],
    ['occurred_at', 'timestamptz', 'occurredAt'],
    ['own_bot_id', 'text', 'ownBotId'],
    ['own_group_id', 'text', 'ownGroupId'],
    ['own_intent', 'text', 'ownIntent'],
    ['bot_id', 'text', 'botId'],
    ['group_id', 'text', 'groupId'],
    ['intent', 'text', 'intent'],
    ['outcome', 'int2', 'outcome'],
    ['checkout_completed', 'bool', 'checkoutCompleted'],
    ['value_minor_units', 'int8', 'valueMinorUnits'],
    ['currency_code', 'text', 'currencyCode'],
    ['refunded_minor_units', 'int8', 'refundedMinorUnits'],
    ['own_member_ordinal', 'int4', 'ownMemberOrdinal'],
    ['member_ordinal', 'int4', 'memberOrdinal'],
    ['paid_on', 'int4', 'paidOn'],
    ['bot_paid_on', 'int4', 'botPaidOn'],
    ['known_on', 'int4', 'knownOn'],
    ['later', 'text', 'later'],
  ],
};

export const refundMapping: FactMapping<RefundFact> = {
  table: 'refund_facts',
  key: 'refund_key',
  columns: [
    ['tenant_id', 'uuid', 'tenantId'],
    ['refund_key', 'uuid', 'refundKey'],
    ['conversion_key', 'uuid', 'conversionKey'],
    ['occurred_at', 'timestamptz', 'occurredAt'],
    ['bot_id', 'text', 'botId'],
    ['group_id', 'text', 'groupId'],
    ['intent', 'text', 'intent'],
    ['value_minor_units', 'int8', 'valueMinorUnits'],
    ['currency_code', 'text', 'currencyCode'],
    ['known_on', 'int4', 'knownOn'],
    ['later', 'text', 'later'],
  ],
};

export const feedbackMapping: FactMapping<FeedbackFact> = {
  table: 'feedback_facts',
  key: 'feedback_key',
  columns: [
    ['tenant_id', 'uuid', 'tenantId'],
    ['feedback_key', 'uuid', 'feedbackKey'],
    ['interaction_key', 'uuid', 'interactionKey'],
    ['thread_key', 'uuid', 'threadKey'],
    ['occurred_at', 'timestamptz', 'occurredAt'],
    ['own_bot_id', 'text', 'ownBotId'],
    ['own_group_id', 'text', 'ownGroupId'],
    ['bot_id', 'text', 'botId'],
    ['group_id', 'text', 'groupId'],
    ['type', 'int2', 'type'],
    ['rating_micros', 'int4', 'ratingMicros'],
    ['scale_max_micros', 'int4', 'scaleMaxMicros'],
    ['known_on', 'int4', 'knownOn'],
    ['later', 'text', 'later'],
  ],
};

export const handoffMapping: FactMapping<HandoffFact> = {
  table: 'handoff_facts',
  key: 'handoff_key',
  columns: [
    ['tenant_id', 'uuid', 'tenantId'],
    ['handoff_key', 'uuid', 'handoffKey'],
    ['interaction_key', 'uuid', 'interactionKey'],
    ['thread_key', 'uuid', 'threadKey'],
    ['known_on', 'int4', 'knownOn'],
  ],
};
