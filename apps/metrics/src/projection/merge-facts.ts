import type {
  CompletionEvent,
  ConversionEvent,
  EnrichmentEvent,
  FactEvent,
  FeedbackEvent,
  InteractionEvent,
  MemberEvent,
  RefundEvent,
} from './fact-event.ts';
import type { ConversionFact, FeedbackFact, InteractionFact, MemberFact, RefundFact } from './facts.ts';
import { unknown } from './facts.ts';
import { dayOf } from './history.ts';

/** Takes in the interaction itself, whatever of it came before. */
export function withInteraction(
  fact: InteractionFact | undefined,
  event: InteractionEvent,
  memberOrdinal: number | null,
): InteractionFact {
  if (fact !== undefined && fact.occurredAt !== null) return fact;
  const before = fact ?? nothingYet(event);
  return {
    ...before,
    occurredAt: event.occurredAt,
    botId: event.botId,
    groupId: event.groupId,
    conversationId: event.conversationId,
    channel: event.channel,
    memberOrdinal,
    // The producer's own, else an enrichment that came before, else what was read on the way in.
    intent: event.intent || before.intent || event.readIntent,
    sentiment: event.sentiment || before.sentiment || event.readSentiment,
    intentGiven: event.intent !== '',
    sentimentGiven: event.sentiment !== 0,
    hasResponse: before.hasResponse || event.hasResponse,
    responseTimeMs: before.responseTimeMs ?? event.responseTimeMs,
    hasError: before.hasError || event.hasError,
  };
}

/** Takes in a completion: what it says wins over what the interaction said itself; the first one stays. */
export function withCompletion(fact: InteractionFact | undefined, event: CompletionEvent): InteractionFact {
  const before = fact ?? nothingYet(event);
  if (before.completed) return before;
  return {
    ...before,
    hasResponse: event.hasResponse || before.hasResponse,
    responseTimeMs: event.responseTimeMs ?? before.responseTimeMs,
    hasError: event.hasError || before.hasError,
    completed: true,
  };
}

/** Takes in what a model read: it fills in what the producer did not say; the last one stays. */
export function withEnrichment(fact: InteractionFact | undefined, event: EnrichmentEvent): InteractionFact {
  const before = fact ?? nothingYet(event);
  const intent = before.intentGiven || event.intent === '' ? before.intent : event.intent;
  const sentiment = before.sentimentGiven || event.sentiment === 0 ? before.sentiment : event.sentiment;
  if (fact !== undefined && intent === fact.intent && sentiment === fact.sentiment) return fact;
  return { ...before, intent, sentiment };
}

/** What a conversion counts as, given what is known of its interaction. */
export function toConversionFact(
  event: ConversionEvent,
  interaction: InteractionFact | undefined,
  ownMemberOrdinal: number | null,
): ConversionFact {
  return linkConversion(
    {
      tenantId: event.tenantId,
      conversionKey: event.key,
      interactionKey: event.interaction.key,
      occurredAt: event.occurredAt,
      ownBotId: event.botId,
      ownGroupId: event.groupId,
      ownIntent: event.intent,
      botId: unknown,
      groupId: unknown,
      intent: unknown,
      outcome: event.outcome,
      checkoutCompleted: event.checkoutCompleted,
      valueMinorUnits: event.valueMinorUnits,
      currencyCode: event.currencyCode,
      refundedMinorUnits: 0n,
      ownMemberOrdinal,
      memberOrdinal: ownMemberOrdinal,
      paidOn: null,
      botPaidOn: null,
      knownOn: null,
      later: null,
    },
    interaction,
  );
}

/** The conversion with the dimensions that it has by what is known of its interaction. */
export function linkConversion(
  fact: ConversionFact,
  interaction: InteractionFact | undefined,
): ConversionFact {
  const link = comeAbout(interaction);
  const botId = fact.ownBotId || (link?.botId ?? unknown);
  const groupId = fact.ownGroupId || (link?.groupId ?? unknown);
  const intent = fact.ownIntent || (link?.intent ?? unknown);
  const memberOrdinal = fact.ownMemberOrdinal ?? link?.memberOrdinal ?? null;
  if (
    botId === fact.botId &&
    groupId === fact.groupId &&
    intent === fact.intent &&
    memberOrdinal === fact.memberOrdinal
  ) {
    return fact;
  }
  return { ...fact, botId, groupId, intent, memberOrdinal };
}

/** What a refund counts as, given what is known of its conversion. */
export function toRefundFact(event: RefundEvent, conversion: ConversionFact | undefined): RefundFact {
  const fact: RefundFact = {
    tenantId: event.tenantId,
    refundKey: event.key,
    conversionKey: event.conversion.key,
    occurredAt: event.occurredAt,
    botId: unknown,
    groupId: unknown,
    intent: unknown,
    valueMinorUnits: event.valueMinorUnits,
    currencyCode: event.currencyCode,
    knownOn: null,
    later: null,
  };
  return conversion === undefined ? fact : linkRefund(fact, conversion);
}

/** The refund with the dimensions of its conversion. */
export function linkRefund(fact: RefundFact, { botId, groupId, intent }: ConversionFact): RefundFact {
  if (botId === fact.botId && groupId === fact.groupId && intent === fact.intent) return fact;
  return { ...fact, botId, groupId, intent };
}

/** What a rating counts as, given what is known of its interaction. */
export function toFeedbackFact(event: FeedbackEvent, interaction: InteractionFact | undefined): FeedbackFact {
  return linkFeedback(
    {
      tenantId: event.tenantId,
      feedbackKey: event.key,
      interactionKey: event.interaction?.key ?? null,
      threadKey: event.thread?.threadKey ?? null,
      occurredAt: event.occurredAt,
      ownBotId: event.botId,
      ownGroupId: event.groupId,
      botId: unknown,
      groupId: unknown,
      type: event.type,
      ratingMicros: event.ratingMicros,
      scaleMaxMicros: event.scaleMaxMicros,
      knownOn: null,
      later: null,
    },
    interaction,
  );
}

/** The rating with the dimensions that it has by what is known of its interaction. */
export function linkFeedback(fact: FeedbackFact, interaction: InteractionFact | undefined): FeedbackFact {
  const link = comeAbout(interaction);
  const botId = fact.ownBotId || (link?.botId ?? unknown);
  const groupId = fact.ownGroupId || (link?.groupId ?? unknown);
  return botId === fact.botId && groupId === fact.groupId ? fact : { ...fact, botId, groupId };
}

/** The record that occurred last; of two at the same time the one with the higher key. */
export function laterMember(
  fact: MemberFact | undefined,
  event: MemberEvent,
  memberOrdinal: number,
): MemberFact {
  const isLater =
    fact === undefined ||
    event.occurredAt > fact.occurredAt ||
    (event.occurredAt.getTime() === fact.occurredAt.getTime() && event.key > fact.eventKey);
  if (!isLater) return fact;
  const { tenantId, userId, segments, occurredAt, key } = event;
  return { tenantId, memberOrdinal, userId, segments, occurredAt, eventKey: key };
}

function comeAbout(interaction: InteractionFact | undefined): InteractionFact | undefined {
  return interaction === undefined || interaction.occurredAt === null ? undefined : interaction;
}

function nothingYet({ tenantId, key, receivedAt }: FactEvent): InteractionFact {
  return {
    tenantId,
    interactionKey: key,
    occurredAt: null,
    botId: '',
    groupId: '',
    conversationId: '',
    channel: '',
    memberOrdinal: null,
    intent: '',
    sentiment: 0,
    intentGiven: false,
    sentimentGiven: false,
    hasResponse: false,
    responseTimeMs: null,
    hasError: false,
    completed: false,
    seenOn: dayOf(receivedAt),
    intents: null,
    knownOn: null,
    later: null,
  };
}
