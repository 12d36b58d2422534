import { createBucketSums } from './bucket-sums.ts';
import type { MemberCell, StateCell } from './cell.ts';
import { conversionPart, feedbackPart, interactionPart } from './contributions.ts';
import type {
  ConversionEvent,
  FactEvent,
  FeedbackEvent,
  InteractionEvent,
  MemberName,
} from './fact-event.ts';
import { factKey } from './fact-key.ts';
import { createFactTable } from './fact-table.ts';
import type { FactTable } from './fact-table.ts';
import type { ConversionFact, FeedbackFact, InteractionFact, MemberFact, UserFact } from './facts.ts';
import { dayOf, remember } from './history.ts';
import { createLinks } from './links.ts';
import {
  laterMember,
  linkConversion,
  linkFeedback,
  toConversionFact,
  toFeedbackFact,
  withCompletion,
  withEnrichment,
  withInteraction,
} from './merge-facts.ts';

/** What is stored of everything that the events touch. */
export interface StoredFacts {
  readonly interactions: readonly InteractionFact[];
  readonly conversions: readonly ConversionFact[];
  readonly feedback: readonly FeedbackFact[];
  /** Of every member that the events name, by its place. */
  readonly ordinals: ReadonlyMap<string, number>;
}

/** What the events change. */
export interface FoldOutcome {
  readonly interactions: FactTable<InteractionFact>;
  readonly conversions: FactTable<ConversionFact>;
  readonly feedback: FactTable<FeedbackFact>;
  /** Each member's last record of these events. */
  readonly members: readonly MemberFact[];
  /** Each user's first record of these events. */
  readonly users: readonly UserFact[];
  /** What they add to each bot's quarter hours. */
  readonly states: readonly StateCell[];
  /** Whom they add to each bot's hours. */
  readonly memberships: readonly MemberCell[];
}

/**
 * Takes the events in, one after the other, so that neither the figures nor which buckets exist depend on how the log
 * was cut into batches. What changes a fact takes its old contribution out and puts the new one in, both under the day
 * on which the event that changed it was received.
 */
export function foldEvents(stored: StoredFacts, events: readonly FactEvent[]): FoldOutcome {
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
  const members = new Map<string, MemberFact>();
  const users = new Map<string, UserFact>();
  const sums = createBucketSums();

  const ordinalOf = ({ place }: MemberName): number => {
    const ordinal = stored.ordinals.get(place);
    if (ordinal === undefined) throw new Error('A member without an ordinal.');
    return ordinal;
  };

  const relink = (key: string, interaction: InteractionFact, day: number): void => {
    for (const conversionKey of conversionsOf.find(key)) {
      const before = conversions.find(conversionKey);
      if (before === undefined) continue;
      const told = linkConversion(before, interaction);
      if (told === before) continue;
      const [was, now] = [conversionPart(before), conversionPart(told)];
      conversions.put(conversionKey, remember(told, was, now, day));
      sums.replace(was, now, day);
    }
    for (const feedbackKey of feedbackOf.find(key)) {
      const before = feedback.find(feedbackKey);
      if (before === undefined) continue;
      const told = linkFeedback(before, interaction);
      if (told === before) continue;
      const [was, now] = [feedbackPart(before), feedbackPart(told)];
      feedback.put(feedbackKey, remember(told, was, now, day));
      sums.replace(was, now, day);
    }
  };

  /** Whether it changed the fact. */
  const merge = (
    { place, receivedAt }: FactEvent,
    change: (before: InteractionFact | undefined) => InteractionFact,
  ): boolean => {
    const before = interactions.find(place);
    const told = change(before);
    if (told === before) return false;
    const day = dayOf(receivedAt);
    const [was, now] = [before && interactionPart(before), interactionPart(told)];
    interactions.put(place, remember(told, was, now, day));
    sums.replace(was, now, day);
    if (now !== undefined) relink(place, told, day);
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
    const fact = toConversionFact(event, interactions.find(interaction.place));
    const [part, day] = [conversionPart(fact), dayOf(event.receivedAt)];
    conversions.put(place, remember(fact, undefined, part, day));
    conversionsOf.add(interaction.place, place);
    sums.replace(undefined, part, day);
  };

  const foldFeedback = (event: FeedbackEvent): void => {
    const { place, interaction } = event;
    if (feedback.find(place) !== undefined) return;
    const fact = toFeedbackFact(event, interaction && interactions.find(interaction.place));
    const [part, day] = [feedbackPart(fact), dayOf(event.receivedAt)];
    feedback.put(place, remember(fact, undefined, part, day));
    if (interaction !== undefined) feedbackOf.add(interaction.place, place);
    sums.replace(undefined, part, day);
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
      case 'feedback':
        foldFeedback(event);
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
    members: [...members.values()],
    users: [...users.values()],
    states: sums.states(),
    memberships: sums.memberships(),
  };
}

function interactionKeyOf(of: { readonly tenantId: string; readonly interactionKey: string }): string {
  return factKey(of.tenantId, of.interactionKey);
}

function conversionKeyOf({ tenantId, conversionKey }: ConversionFact): string {
  return factKey(tenantId, conversionKey);
}

function feedbackKeyOf({ tenantId, feedbackKey }: FeedbackFact): string {
  return factKey(tenantId, feedbackKey);
}
