import { createBucketSums } from './bucket-sums.ts';
import type { LatencyCell, MemberCell, PayerCell, RevenueCell, StateCell } from './cell.ts';
import { conversionPart, feedbackPart, interactionPart, refundPart } from './contributions.ts';
import type { ConversationTouch, Signal } from './conversation-touch.ts';
import type {
  ConversionEvent,
  FactEvent,
  FeedbackEvent,
  HandoffEvent,
  InteractionEvent,
  MemberName,
  RefundEvent,
} from './fact-event.ts';
import { factKey } from './fact-key.ts';
import { createFactTable } from './fact-table.ts';
import type { FactTable } from './fact-table.ts';
import { unknown } from './facts.ts';
import type {
  ConversionFact,
  FeedbackFact,
  HandoffFact,
  InteractionFact,
  MemberFact,
  RefundFact,
  UserFact,
} from './facts.ts';
import { dayOf, remember } from './history.ts';
import { withIntentSince } from './intent-history.ts';
import { createLinks } from './links.ts';
import {
  laterMember,
  linkConversion,
  linkFeedback,
  linkRefund,
  toConversionFact,
  toFeedbackFact,
  toRefundFact,
  withCompletion,
  withEnrichment,
  withInteraction,
} from './merge-facts.ts';
import type { Seals } from './seals.ts';
import { conversionSignal, feedbackSignal } from './signals.ts';
import type { Thread } from './thread.ts';
import { threadOf } from './thread.ts';

/** What is stored of everything that the events touch. */
export interface StoredFacts {
  readonly interactions: readonly InteractionFact[];
  readonly conversions: readonly ConversionFact[];
  readonly feedback: readonly FeedbackFact[];
  readonly refunds: readonly RefundFact[];
  readonly handoffs: readonly HandoffFact[];
  /** Of every member that the events name, by its place. */
  readonly ordinals: ReadonlyMap<string, number>;
}

/** What the events change. */
export interface FoldOutcome {
  readonly interactions: FactTable<InteractionFact>;
  readonly conversions: FactTable<ConversionFact>;
  readonly feedback: FactTable<FeedbackFact>;
  readonly refunds: FactTable<RefundFact>;
  readonly handoffs: FactTable<HandoffFact>;
  /** Each member's last record of these events. */
  readonly members: readonly MemberFact[];
  /** Each user's first record of these events. */
  readonly users: readonly UserFact[];
  /** What they add to each bot's quarter hours. */
  readonly states: readonly StateCell[];
  readonly latencies: readonly LatencyCell[];
  readonly revenue: readonly RevenueCell[];
  /** Whom they add to each bot's hours. */
  readonly memberships: readonly MemberCell[];
  /** Who paid in each bot's hours, and in those of all bots. */
  readonly payers: readonly PayerCell[];
  /** What they change about conversations, in the order of the events. */
  readonly touches: readonly ConversationTouch[];
}

/**
 * Takes the events in, one after the other, so that neither the figures nor which buckets exist depend on how the log
 * was cut into batches. What changes a fact takes its old contribution out and puts the new one in, both under the day
 * on which the event that changed it was received.
 */
export function foldEvents(
  stored: StoredFacts,
  events: readonly FactEvent[],
  { isSealed, isBegun, isCopied }: Seals,
): FoldOutcome {
  const interactions = createFactTable(stored.interactions, interactionKeyOf);
  const conversions = createFactTable(stored.conversions, conversionKeyOf);
  const feedback = createFactTable(stored.feedback, feedbackKeyOf);
  const conversionsOf = createLinks();
  for (const fact of stored.conversions) conversionsOf.add(interactionKeyOf(fact), conversionKeyOf(fact));
  const feedbackOf = createLinks();
  for (const fact of stored.feedback) {
    const { tenantId, interactionKey } = fact;
    if (interactionKey !== null) feedbackOf.add(factKey(tenantId, interactionKey), feedbackKeyOf(fact));
  }
  const refunds = createFactTable(stored.refunds, refundKeyOf);
  const refundsOf = createLinks();
  for (const fact of stored.refunds) refundsOf.add(conversionKeyOf(fact), refundKeyOf(fact));
  const handoffs = createFactTable(stored.handoffs, handoffKeyOf);
  const handoffsOf = createLinks();
  for (const fact of stored.handoffs) {
    const { tenantId, interactionKey } = fact;
    if (interactionKey !== null) handoffsOf.add(factKey(tenantId, interactionKey), handoffKeyOf(fact));
  }
  const touches: ConversationTouch[] = [];
  const members = new Map<string, MemberFact>();
  const users = new Map<string, UserFact>();
  const sums = createBucketSums(isSealed);

  const ordinalOf = ({ place }: MemberName): number => {
    const ordinal = stored.ordinals.get(place);
    if (ordinal === undefined) throw new Error('A member without an ordinal.');
    return ordinal;
  };

  /** Who paid counts once they and their bot are known: from then on neither changes. */
  const settlePayer = (fact: ConversionFact, day: number): ConversionFact => {
    const { memberOrdinal, valueMinorUnits, currencyCode, botId } = fact;
    if (memberOrdinal === null || valueMinorUnits <= 0n) return fact;
    const isNew = fact.paidOn === null;
    const isNewOfBot = fact.botPaidOn === null && botId !== unknown;
    if (isNew) sums.pay({ ...fact, botId: '' }, currencyCode, memberOrdinal, day);
    if (isNewOfBot) sums.pay(fact, currencyCode, memberOrdinal, day);
    return { ...fact, ...(isNew && { paidOn: day }), ...(isNewOfBot && { botPaidOn: day }) };
  };

  const relinkRefunds = (conversionKey: string, conversion: ConversionFact, day: number): void => {
    for (const refundKey of refundsOf.find(conversionKey)) {
      const before = refunds.find(refundKey);
      if (before === undefined || isCopied(before)) continue;
      const told = linkRefund(before, conversion);
      if (told === before) continue;
      const [was, now] = [refundPart(before), refundPart(told)];
      refunds.put(refundKey, remember(told, was, now, day));
      sums.replace(was, now, day);
    }
  };

  /** What was given back of a conversion in its own currency. */
  const refundedOf = (conversionKey: string, { currencyCode }: ConversionFact): bigint =>
    [...refundsOf.find(conversionKey)]
      .map((refundKey) => refunds.find(refundKey))
      .filter((refund) => refund?.currencyCode === currencyCode)
      .reduce((sum, refund) => sum + (refund?.valueMinorUnits ?? 0n), 0n);

  /** An interaction as it is known on a day; a copy may be there before it came. */
  const interactionOn = (place: string, day: number): InteractionFact | undefined => {
    const fact = interactions.find(place);
    const isToCome = fact !== undefined && isBegun(fact) && fact.knownOn !== null && fact.knownOn > day;
    return isToCome ? undefined : fact;
  };

  /** A conversion as it is known on a day; a copy may be of an interaction that is still to come. */
  const conversionOn = (place: string, day: number): ConversionFact | undefined => {
    const fact = conversions.find(place);
    if (fact === undefined || !isCopied(fact)) return fact;
    return linkConversion(fact, interactionOn(interactionKeyOf(fact), day));
  };

  const signal = (
    thread: Thread | undefined,
    occurredAt: Date | null | undefined,
    one: Signal | undefined,
  ): void => {
    if (thread === undefined || one === undefined) return;
    touches.push({ kind: 'signal', thread, occurredAt: occurredAt ?? undefined, signal: one });
  };
  /** Something came of an interaction; until that comes itself, it waits among the facts. */
  const signalOf = (interaction: InteractionFact | undefined, one: Signal | undefined): void => {
    if (interaction === undefined || interaction.occurredAt === null) return;
    signal(threadOf(interaction), interaction.occurredAt, one);
  };
  const touch = (fact: InteractionFact, place: string): void => {
    const { occurredAt, interactionKey: key } = fact;
    const thread = threadOf(fact);
    if (thread === undefined || occurredAt === null) return;
    const { botId, groupId, channel, intent, memberOrdinal } = fact;
    touches.push({
      kind: 'interaction',
      thread,
      key,
      occurredAt,
      botId,
      groupId,
      channel,
      intent,
      memberOrdinal,
    });
    for (const conversionKey of conversionsOf.find(place)) {
      const conversion = conversions.find(conversionKey);
      if (conversion !== undefined) signal(thread, occurredAt, conversionSignal(conversion));
    }
    for (const feedbackKey of feedbackOf.find(place)) {
      const rating = feedback.find(feedbackKey);
      if (rating !== undefined && rating.threadKey === null)
        signal(thread, occurredAt, feedbackSignal(rating));
    }
    for (const handoffKey of handoffsOf.find(place)) {
      if (handoffs.find(handoffKey) !== undefined) signal(thread, occurredAt, 'handoffCount');
    }
  };

  const relink = (key: string, interaction: InteractionFact, day: number): void => {
    for (const conversionKey of conversionsOf.find(key)) {
      const before = conversions.find(conversionKey);
      if (before === undefined) continue;
      const told = linkConversion(before, interaction);
      if (isCopied(before)) {
        relinkRefunds(conversionKey, told, day);
        continue;
      }
      if (told === before) continue;
      const [was, now] = [conversionPart(before), conversionPart(told)];
      conversions.put(conversionKey, settlePayer(remember(told, was, now, day), day));
      sums.replace(was, now, day);
      relinkRefunds(conversionKey, told, day);
    }
    for (const feedbackKey of feedbackOf.find(key)) {
      const before = feedback.find(feedbackKey);
      if (before === undefined || isCopied(before)) continue;
      const told = linkFeedback(before, interaction);
      if (told === before) continue;
      const [was, now] = [feedbackPart(before), feedbackPart(told)];
      feedback.put(feedbackKey, remember(told, was, now, day));
      sums.replace(was, now, day);
    }
  };

  /** Whether it changed the fact. */
  const merge = (
    { kind, place, receivedAt }: FactEvent,
    change: (before: InteractionFact | undefined) => InteractionFact,
  ): boolean => {
    const before = interactions.find(place);
    const day = dayOf(receivedAt);
    if (before !== undefined && isBegun(before)) {
      // What came before it does not know it yet.
      if (kind === 'interaction' && before.knownOn === day) relink(place, before, day);
      return false;
    }
    const changed = change(before);
    if (changed === before) return false;
    const told = before === undefined ? changed : withIntentSince(changed, before, day);
    const [was, now] = [before && interactionPart(before), interactionPart(told)];
    interactions.put(place, remember(told, was, now, day));
    sums.replace(was, now, day);
    if (now !== undefined) relink(place, told, day);
    if (was === undefined) {
      touch(told, place);
    } else if (before !== undefined && before.intent !== told.intent) {
      const thread = threadOf(told);
      const { interactionKey: key, occurredAt, botId, intent: to } = told;
      if (thread !== undefined && occurredAt !== null) {
        touches.push({ kind: 'intent', thread, key, occurredAt, botId, from: before.intent, to });
      }
    }
    return true;
  };

  const foldInteraction = (event: InteractionEvent): void => {
    const ordinal = event.member === undefined ? null : ordinalOf(event.member);
    const isNew = merge(event, (before) => withInteraction(before, event, ordinal));
    if (isNew && ordinal !== null) sums.join(event, ordinal, dayOf(event.receivedAt));
  };

  const foldConversion = (event: ConversionEvent): void => {
    const { place, interaction } = event;
    if (conversions.find(place) !== undefined) return;
    const day = dayOf(event.receivedAt);
    const ordinal = event.member === undefined ? null : ordinalOf(event.member);
    const told = toConversionFact(event, interactionOn(interaction.place, day), ordinal);
    const fact = { ...told, refundedMinorUnits: refundedOf(place, told) };
    const part = conversionPart(fact);
    conversions.put(place, settlePayer(remember(fact, undefined, part, day), day));
    conversionsOf.add(interaction.place, place);
    signalOf(interactionOn(interaction.place, day), conversionSignal(fact));
    sums.replace(undefined, part, day);
    relinkRefunds(place, fact, day);
  };

  const foldRefund = (event: RefundEvent): void => {
    const { place, conversion } = event;
    if (refunds.find(place) !== undefined) return;
    const day = dayOf(event.receivedAt);
    const before = conversionOn(conversion.place, day);
    const fact = toRefundFact(event, before);
    const part = refundPart(fact);
    refunds.put(place, remember(fact, undefined, part, day));
    refundsOf.add(conversion.place, place);
    sums.replace(undefined, part, day);
    // A copy says already what was given back of it.
    if (before === undefined || before.currencyCode !== fact.currencyCode || isCopied(before)) return;
    const told = { ...before, refundedMinorUnits: before.refundedMinorUnits + fact.valueMinorUnits };
    const [was, now] = [conversionPart(before), conversionPart(told)];
    conversions.put(conversion.place, remember(told, was, now, day));
    sums.replace(was, now, day);
  };

  const foldFeedback = (event: FeedbackEvent): void => {
    const { place, interaction } = event;
    if (feedback.find(place) !== undefined) return;
    const day = dayOf(event.receivedAt);
    const fact = toFeedbackFact(event, interaction && interactionOn(interaction.place, day));
    const part = feedbackPart(fact);
    feedback.put(place, remember(fact, undefined, part, day));
    if (interaction !== undefined) feedbackOf.add(interaction.place, place);
    sums.replace(undefined, part, day);
    if (event.thread !== undefined) signal(event.thread, undefined, feedbackSignal(fact));
    else if (interaction !== undefined) signalOf(interactions.find(interaction.place), feedbackSignal(fact));
  };

  const foldHandoff = ({ tenantId, key, place, of, receivedAt }: HandoffEvent): void => {
    if (handoffs.find(place) !== undefined) return;
    const fact = { tenantId, handoffKey: key, knownOn: dayOf(receivedAt) };
    if ('thread' in of) {
      handoffs.put(place, { ...fact, interactionKey: null, threadKey: of.thread.threadKey });
      signal(of.thread, undefined, 'handoffCount');
      return;
    }
    handoffs.put(place, { ...fact, interactionKey: of.interaction.key, threadKey: null });
    handoffsOf.add(of.interaction.place, place);
    signalOf(interactions.find(of.interaction.place), 'handoffCount');
  };

  for (const event of events) {
    switch (event.kind) {
      case 'interaction':
        foldInteraction(event);
        break;
      case 'completion':
        merge(event, (before) => withCompletion(before, event));
        break;
      case 'enrichment':
        merge(event, (before) => withEnrichment(before, event));
        break;
      case 'conversion':
        foldConversion(event);
        break;
      case 'refund':
        foldRefund(event);
        break;
      case 'feedback':
        foldFeedback(event);
        break;
      case 'handoff':
        foldHandoff(event);
        break;
      case 'member': {
        const { place } = event.member;
        members.set(place, laterMember(members.get(place), event, ordinalOf(event.member)));
        break;
      }
      case 'user': {
        const { tenantId, userId, occurredAt } = event;
        const place = factKey(tenantId, userId);
        const before = users.get(place);
        if (before === undefined || occurredAt < before.firstOccurredAt) {
          users.set(place, { tenantId, userId, firstOccurredAt: occurredAt });
        }
        break;
      }
    }
  }
  return {
    interactions,
    conversions,
    feedback,
    refunds,
    handoffs,
    members: [...members.values()],
    users: [...users.values()],
    states: sums.states(),
    latencies: sums.latencies(),
    revenue: sums.revenue(),
    memberships: sums.memberships(),
    payers: sums.payers(),
    touches,
  };
}

function interactionKeyOf(of: { readonly tenantId: string; readonly interactionKey: string }): string {
  return factKey(of.tenantId, of.interactionKey);
}

function conversionKeyOf(of: { readonly tenantId: string; readonly conversionKey: string }): string {
  return factKey(of.tenantId, of.conversionKey);
}

function refundKeyOf({ tenantId, refundKey }: RefundFact): string {
  return factKey(tenantId, refundKey);
}

function feedbackKeyOf({ tenantId, feedbackKey }: FeedbackFact): string {
  return factKey(tenantId, feedbackKey);
}

function handoffKeyOf({ tenantId, handoffKey }: HandoffFact): string {
  return factKey(tenantId, handoffKey);
}
