import { bucketLengths, bucketStart } from '@parley/calendar';
import { addStates, emptyState, kpiCounters, subtractStates } from '@parley/kpi';
import type { KpiState } from '@parley/kpi';
import type { MemberCell, StateCell } from './cell.ts';
import { bucketKey } from './cell.ts';
import { conversionState, feedbackState, interactionState } from './contributions.ts';
import type { FactEvent, InteractionEvent } from './fact-event.ts';
import { createFactTable } from './fact-table.ts';
import type { FactTable } from './fact-table.ts';
import type { ConversionFact, FeedbackFact, InteractionFact, MemberFact, UserFact } from './facts.ts';
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
  /** By `memberId` of a tenant, see `memberKey`: every member that the events name. */
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

/** A fact's place among those of all tenants. */
export function factKey(tenantId: string, key: string): string {
  return `${tenantId} ${key}`;
}

/** A member's or user's place among those of all tenants. */
export function memberKey(tenantId: string, id: string): string {
  return `${tenantId} ${id}`;
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
  const conversionsOf = createLinks(stored.conversions, conversionKeyOf);
  const feedbackOf = createLinks(stored.feedback, feedbackKeyOf);
  const members = new Map<string, MemberFact>();
  const users = new Map<string, UserFact>();
  const states = new Map<string, StateCell>();
  const memberships = new Map<string, MemberCell & { readonly ordinals: Set<number> }>();

  const count = (place: Place, state: KpiState, receivedAt: Date): void => {
    if (kpiCounters.every((counter) => state[counter] === 0)) return;
    const bucket = {
      tenantId: place.tenantId,
      level: 'quarter',
      start: bucketStart('quarter', place.occurredAt).getTime(),
      botId: place.botId,
      knownOn: dayOf(receivedAt),
    } as const;
    const key = bucketKey(bucket);
    const sum = states.get(key)?.state;
    states.set(key, { ...bucket, state: sum === undefined ? state : addStates(sum, state) });
  };

  const replace = (before: Counted | undefined, after: Counted | undefined, receivedAt: Date): void => {
    if (before !== undefined && after !== undefined && isSamePlace(before, after)) {
      count(after, subtractStates(after.state, before.state), receivedAt);
      return;
    }
    if (before !== undefined) count(before, subtractStates(emptyState, before.state), receivedAt);
    if (after !== undefined) count(after, after.state, receivedAt);
  };

  const relink = (interaction: InteractionFact, receivedAt: Date): void => {
    const key = factKey(interaction.tenantId, interaction.interactionKey);
    for (const conversionKey of conversionsOf.find(key)) {
      const before = conversions.find(conversionKey);
      if (before === undefined) continue;
      const after = linkConversion(before, interaction);
      if (conversions.put(after)) replace(countConversion(before), countConversion(after), receivedAt);
    }
    for (const feedbackKey of feedbackOf.find(key)) {
      const before = feedback.find(feedbackKey);
      if (before === undefined) continue;
      const after = linkFeedback(before, interaction);
      if (feedback.put(after)) replace(countFeedback(before), countFeedback(after), receivedAt);
    }
  };

  const ordinalOf = (tenantId: string, memberId: string): number => {
    const ordinal = stored.ordinals.get(memberKey(tenantId, memberId));
    if (ordinal === undefined) throw new Error('A member without an ordinal.');
    return ordinal;
  };

  const join = (event: InteractionEvent, ordinal: number): void => {
    const bucket = {
      tenantId: event.tenantId,
      level: 'hour',
      start: bucketStart('hour', event.occurredAt).getTime(),
      botId: event.botId,
      knownOn: dayOf(event.receivedAt),
    } as const;
    const key = bucketKey(bucket);
    const cell = memberships.get(key) ?? { ...bucket, ordinals: new Set<number>() };
    memberships.set(key, cell);
    cell.ordinals.add(ordinal);
  };

  const foldInteractionFact = (
    event: FactEvent,
    merge: (before: InteractionFact | undefined) => InteractionFact,
  ): boolean => {
    const before = interactions.find(factKey(event.tenantId, event.key));
    const after = merge(before);
    if (!interactions.put(after)) return false;
    replace(before && countInteraction(before), countInteraction(after), event.receivedAt);
    if (after.occurredAt !== null) relink(after, event.receivedAt);
    return true;
  };

  for (const event of events) {
    switch (event.kind) {
      case 'interaction': {
        const ordinal = event.memberId === '' ? null : ordinalOf(event.tenantId, event.memberId);
        const isNew = foldInteractionFact(event, (before) => withInteraction(before, event, ordinal));
        if (isNew && ordinal !== null) join(event, ordinal);
        break;
      }
      case 'completion':
        foldInteractionFact(event, (before) => withCompletion(before, event));
        break;
      case 'enrichment':
        foldInteractionFact(event, (before) => withEnrichment(before, event));
        break;
      case 'conversion': {
        const key = factKey(event.tenantId, event.key);
        if (conversions.find(key) !== undefined) break;
        const interactionKey = factKey(event.tenantId, event.interactionKey);
        const fact = toConversionFact(event, interactions.find(interactionKey));
        conversions.put(fact);
        conversionsOf.add(fact);
        replace(undefined, countConversion(fact), event.receivedAt);
        break;
      }
      case 'feedback': {
        const key = factKey(event.tenantId, event.key);
        if (feedback.find(key) !== undefined) break;
        const interaction =
          event.interactionKey === null
            ? undefined
            : interactions.find(factKey(event.tenantId, event.interactionKey));
        const fact = toFeedbackFact(event, interaction);
        feedback.put(fact);
        feedbackOf.add(fact);
        replace(undefined, countFeedback(fact), event.receivedAt);
        break;
      }
      case 'member': {
        const key = memberKey(event.tenantId, event.memberId);
        members.set(key, laterMember(members.get(key), event, ordinalOf(event.tenantId, event.memberId)));
        break;
      }
      case 'user': {
        const key = memberKey(event.tenantId, event.userId);
        const before = users.get(key);
        if (before !== undefined && before.firstOccurredAt <= event.occurredAt) break;
        const { tenantId, userId, occurredAt } = event;
        users.set(key, { tenantId, userId, firstOccurredAt: occurredAt });
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
    states: [...states.values()],
    memberships: [...memberships.values()],
  };
}

/** Something that counts, and where. */
interface Place {
  readonly tenantId: string;
  readonly occurredAt: Date;
  readonly botId: string;
}
interface Counted extends Place {
  readonly state: KpiState;
}

function countInteraction(fact: InteractionFact): Counted | undefined {
  const { tenantId, occurredAt, botId } = fact;
  if (occurredAt === null) return undefined;
  return { tenantId, occurredAt, botId, state: interactionState(fact) };
}

function countConversion(fact: ConversionFact): Counted {
  const { tenantId, occurredAt, botId } = fact;
  return { tenantId, occurredAt, botId, state: conversionState(fact) };
}

function countFeedback(fact: FeedbackFact): Counted {
  const { tenantId, occurredAt, botId } = fact;
  return { tenantId, occurredAt, botId, state: feedbackState(fact) };
}

function isSamePlace(one: Counted, other: Counted): boolean {
  return (
    one.botId === other.botId &&
    bucketStart('quarter', one.occurredAt).getTime() === bucketStart('quarter', other.occurredAt).getTime()
  );
}

function dayOf(at: Date): number {
  return Math.floor(at.getTime() / bucketLengths.day);
}

function interactionKeyOf(fact: InteractionFact): string {
  return factKey(fact.tenantId, fact.interactionKey);
}
function conversionKeyOf(fact: ConversionFact): string {
  return factKey(fact.tenantId, fact.conversionKey);
}
function feedbackKeyOf(fact: FeedbackFact): string {
  return factKey(fact.tenantId, fact.feedbackKey);
}

/** Which conversions or ratings are of an interaction. */
interface Links<Fact> {
  add(fact: Fact): void;
  /** The keys of those that are of this one. */
  find(interactionKey: string): Iterable<string>;
}

function createLinks<Fact extends { readonly tenantId: string; readonly interactionKey: string | null }>(
  facts: readonly Fact[],
  keyOf: (fact: Fact) => string,
): Links<Fact> {
  const keys = new Map<string, Set<string>>();
  const add = (fact: Fact): void => {
    if (fact.interactionKey === null) return;
    const interactionKey = factKey(fact.tenantId, fact.interactionKey);
    const linked = keys.get(interactionKey);
    if (linked === undefined) keys.set(interactionKey, new Set([keyOf(fact)]));
    else linked.add(keyOf(fact));
  };
  for (const fact of facts) add(fact);
  return { add, find: (interactionKey) => keys.get(interactionKey) ?? [] };
}
